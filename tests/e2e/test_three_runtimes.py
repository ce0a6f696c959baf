"""The same tiny weights, and the real ones, through llama.cpp, PyTorch and vLLM: each for real, in its own environment."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness import paths
from harness.compare.agreement import Agreement, agree
from harness.record.store import read
from harness.run.bench import backend_of
from harness.run.execute import bundle
from harness.run.prepare import environments
from harness.verify.recompute import verify
from tests.e2e.conftest import Repro, measured, refused
from tests.support import tiny_models

pytestmark = pytest.mark.e2e

SUITE = Path(__file__).parents[1] / "data" / "small-v1.toml"
REAL = "gemma-3-270m-q4_k_m"
RUNTIMES = ("llama.cpp", "pytorch", "vllm")
# To compile two layers would take longer than all the rest; a float32 model deserves a float32 cache.
TINY = {
    "llama.cpp": ("-o", "type_k=f32", "-o", "type_v=f32", "-o", "flash_attn=off"),
    "vllm": ("-o", "eager=true", "-o", "kv_space_mib=64"),
}


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """The two files of one model."""
    folder = tmp_path_factory.mktemp("tiny")
    gguf, hf = tiny_models.write_gguf(folder / "tiny.gguf"), tiny_models.write_folder(folder / "tiny")
    return {"llama.cpp": gguf, "pytorch": hf, "vllm": hf}


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """`repro bench` of a model through a runtime, in the user's cache; each is run once."""
    done = {}

    def run(runtime, model, *arguments):
        key = (runtime, str(model), arguments)
        if key not in done:
            repro = Repro(tmp_path_factory.mktemp("three"))
            ended = repro("bench", "--model", model, "--runtime", runtime, "--suite", SUITE, *arguments, timeout=3600)
            # 4: a busy machine may spoil a check that rests on times; the tests look at what they are about.
            measured(ended)
            done[key] = read(repro.records()[0])
        return done[key]

    return run


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_an_adapter_holds_what_any_adapter_must(runtime, tiny, tmp_path):
    repro = Repro(tmp_path)
    done = repro("runtime", "check", runtime, "--model", tiny[runtime], "--json", *TINY.get(runtime, ()), timeout=3600)
    found = {item["code"]: item for item in json.loads(done.stdout)}
    assert not [item for item in found.values() if item["status"] == "fail"], found
    assert done.returncode == 0
    assert {"exact_count", "deterministic", "forced", "context_kept", "scores"} <= set(found)
    assert found["caches_cleared"]["status"] == "pass"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_a_tiny_record_is_whole(runtime, tiny, bench):
    stored = bench(runtime, tiny[runtime], "--processes", "1", *TINY.get(runtime, ()))
    record = stored.record
    # Timings of half a millisecond say nothing; what was computed does.
    failed = {check.code for check in record.checks if check.status == "fail"}
    assert not failed - {"physics_ttft", "engine_counters", "cache_honesty"}, record.checks
    assert {w.id for w in record.workloads} == {"decode", "chat", "pp64@d0", "tg16@d0"}
    assert record.runtime.devices[0].kind == "cpu"
    assert not record.run.synthetic
    verify(stored)


def test_the_same_weights_compute_the_same_in_every_engine(tiny, bench):
    llama, torch, vllm = (bench(r, tiny[r], "--processes", "1", *TINY.get(r, ())).record for r in RUNTIMES)
    outputs = [{x.workload: x.output_ids for x in record.results if x.output_ids} for record in (llama, torch, vllm)]
    assert outputs[0] == outputs[1]
    # vLLM's attention on a CPU rounds more: a random model, whose logits lie close, may part where a trained one does not.
    assert {name: ids[0] for name, ids in outputs[2].items()} == {name: ids[0] for name, ids in outputs[0].items()}
    likelihoods = [record.probe.mean_nll_micronats for record in (llama, torch, vllm)]
    assert abs(likelihoods[0] - likelihoods[1]) < 1e-4 * likelihoods[0]
    assert abs(likelihoods[2] - likelihoods[1]) < 2e-3 * likelihoods[1]
    assert agree(torch, vllm).verdict in (Agreement.IDENTICAL, Agreement.PARTED)


@pytest.mark.alone
def test_the_real_model_agrees_between_pytorch_and_vllm_and_with_its_source(bench, tmp_path):
    llama, torch, vllm = (bench(runtime, REAL, "--processes", "1") for runtime in RUNTIMES)
    for stored in (torch, vllm):
        model = stored.record.model
        assert model["quantisation"] == "BF16 from Q4_K_M"
        assert model["name"] == f"{REAL}-bf16"
        assert model["derived_from"] == llama.record.model["sha256"]
        assert [c.code for c in stored.record.checks if c.status == "fail"] == []
    assert torch.record.model["sha256"] == vllm.record.model["sha256"]
    assert agree(torch.record, vllm.record).verdict is Agreement.IDENTICAL
    assert agree(llama.record, torch.record).verdict in (Agreement.IDENTICAL, Agreement.PARTED)
    # The conversion's tokenizer gives the ids that llama.cpp's gives.
    prompts = [{w.id: w.prompt_sha256 for w in one.record.workloads} for one in (llama, torch, vllm)]
    assert prompts[0] == prompts[1] == prompts[2]
    repro = Repro(tmp_path)
    shown = repro("compare", *(one.path.parent for one in (llama, torch, vllm)))
    assert shown.returncode == 0, shown.stderr
    assert "BF16 from Q4_K_M" in shown.stdout
    said = repro("agree", torch.path.parent, vllm.path.parent)
    assert said.returncode == 0
    assert "identical" in said.stdout


@pytest.mark.alone
def test_several_requests_at_once_give_the_ids_of_one_alone_and_a_curve(tiny, tmp_path):
    repro = Repro(tmp_path)
    done = repro(
        "bench", "--runtime", "vllm", "--model", tiny["vllm"], "--suite", "concurrency", "--processes", "1", *TINY["vllm"]
    )  # fmt: skip
    measured(done)
    record = read(repro.records()[0]).record
    outputs = {result.workload: result.output_ids for result in record.results}
    assert outputs["batch-1"] == outputs["batch-2"]
    assert {w.concurrency for w in record.workloads} == {None, 1, 2, 4, 8}
    rates = [record.result(f"batch-{n}", "throughput").estimate.point for n in (1, 2, 4, 8)]
    assert rates == sorted(rates)
    assert "Throughput by requests at once" in done.stdout
    assert "preemptions" not in done.stderr


def test_bad_input_is_one_line(tiny, tmp_path):
    repro = Repro(tmp_path)
    for runtime in ("pytorch", "vllm"):
        bare = ("bench", "--runtime", runtime, "--model", tiny["vllm"], "--suite", SUITE, "--python", sys.executable)
        assert f"repro runtime install {runtime}" in refused(repro(*bare))
    line = refused(repro("bench", "--runtime", "llama.cpp", "--model", tiny["pytorch"], "--suite", SUITE))
    assert "reads gguf, this is safetensors" in line
    line = refused(
        repro("bench", "--runtime", "pytorch", "--model", tiny["pytorch"], "--suite", SUITE, "-o", "device=cuda")
    )
    assert "no CUDA" in line
    assert "repro runtime install pytorch --backend cuda" in line
    broken = tmp_path / "broken"
    tiny_models.write_folder(broken)
    (broken / "extra.py").write_text("raise SystemExit")
    assert "holds Python" in refused(repro("bench", "--runtime", "pytorch", "--model", broken, "--suite", SUITE))
    assert not repro.records()


def test_an_architecture_that_transformers_does_not_know_is_a_recorded_failure(tmp_path):
    repro, new = Repro(tmp_path), tmp_path / "new"
    tiny_models.write_folder(new)
    (new / "config.json").write_text(json.dumps({"model_type": "no-such-architecture"}))
    line = refused(repro("bench", "--runtime", "pytorch", "--model", new, "--suite", SUITE), 3)
    assert "transformers can't load it" in line
    (record,) = repro.records()
    outcome = read(record).record.outcome
    assert (outcome.reason, outcome.stage) == ("unsupported_architecture", "load")


DEVICE_LOOP = """
import sys, types
from pathlib import Path
import numpy as np, torch
from harness.measure.stopwatch import Stopwatch
from runtimes.interface import ModelFiles
from runtimes.pytorch import PyTorch

torch.cuda.synchronize = lambda *_: None

class Recorded:
    # An event pool with recorded timings: the n-th interval lasts n microseconds.
    seen = []
    def record(self, index):
        self.seen.append(index)
    def elapsed_ns(self, count):
        return np.arange(1, count, dtype=np.int64) * 1000

loaded = PyTorch().load(ModelFiles(Path(sys.argv[1]), "safetensors"), {"threads": 1, "context": 256})
prompt = loaded.tokenize("The tide turns", add_bos=True)
for kind in ("greedy", "forced", "empty", "prefill"):
    forced = None if kind in ("greedy", "prefill") else [7, 8, 9, 10, 11, 12]
    given = [] if kind == "empty" else prompt
    count = 0 if kind == "prefill" else 6
    watch = Stopwatch(8)
    loaded._events = None
    loaded.reset()
    host = loaded.generate(given, count, watch, forced=forced)
    counters = dict(loaded.counters())
    loaded._events = Recorded()
    Recorded.seen = []
    loaded.reset()
    device = loaded.generate(given, count, watch, forced=forced)
    stamps = watch.token_ns().tolist()
    assert device == host, (kind, device, host)
    assert dict(loaded.counters()) == counters, (kind, counters)
    assert Recorded.seen == list(range(max(count, 1) + 1)), (kind, Recorded.seen)
    assert stamps == np.cumsum(np.arange(1, max(count, 1) + 1) * 1000).tolist(), stamps
    assert watch.host_ns > 0 and watch.step_ns().size == 0
print("ok")
"""


def test_the_device_loop_makes_the_ids_of_the_host_loop_and_records_an_event_a_token(tiny):
    place = environments.place(paths.cache(), "pytorch", backend_of("pytorch", "auto"))
    folder, _ = bundle.make(paths.cache())
    done = subprocess.run(
        [str(place.python), "-P", "-c", DEVICE_LOOP, str(tiny["pytorch"])],
        env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin", "HF_HUB_OFFLINE": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip().endswith("ok"), done.stderr[-3000:]
