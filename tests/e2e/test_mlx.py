"""MLX for real, on a processor: the tiny model, the same one as MLX quantises it, and what it refuses."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from harness import paths
from harness.record import settings
from harness.record.store import read
from harness.run.bench import backend_of
from harness.run.prepare import environments
from harness.verify.recompute import verify
from tests.e2e.conftest import Repro, measured, refused
from tests.support import tiny_models

pytestmark = pytest.mark.e2e

SUITE = Path(__file__).parents[1] / "data" / "small-v1.toml"
QUANTISE = """
import sys
from pathlib import Path
from mlx_lm.utils import load_model, quantize_model, save_config, save_model
model, config = load_model(Path(sys.argv[1]))
model, config = quantize_model(model, config, group_size=32, bits=4)
save_model(Path(sys.argv[2]), model)
save_config(config, Path(sys.argv[2]) / "config.json")
"""


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    return tiny_models.write_folder(tmp_path_factory.mktemp("tiny") / "tiny")


@pytest.fixture(scope="module")
def bench(tmp_path_factory):
    """`repro bench` of a model; each is run once."""
    done = {}

    def run(runtime, model, *options):
        if (runtime, model) not in done:
            repro = Repro(tmp_path_factory.mktemp("mlx"))
            measured(
                repro("bench", "--runtime", runtime, "--model", model, "--suite", SUITE, "--processes", "1", *options)
            )
            done[runtime, model] = read(repro.records()[0])
        return done[runtime, model]

    return run


def test_it_holds_what_any_adapter_must(tiny, tmp_path):
    done = Repro(tmp_path)("runtime", "check", "mlx", "--model", tiny, "--json", timeout=1800)
    found = {item["code"]: item["status"] for item in json.loads(done.stdout)}
    assert "fail" not in found.values(), done.stdout
    assert {found[code] for code in ("exact_count", "deterministic", "caches_cleared", "forced", "scores")} == {"pass"}


def test_a_record_says_what_computed_and_how(tiny, bench):
    stored = bench("mlx", tiny)
    record = stored.record
    failed = {check.code for check in record.checks if check.status == "fail"}
    # Timings of a tiny model say nothing; what was computed does.
    assert not failed - {"physics_ttft", "physics_decode", "engine_counters", "cache_honesty"}, record.checks
    assert {one.id for one in record.workloads} == {"decode", "chat", "pp64@d0", "tg16@d0"}
    runtime = record.runtime
    assert (runtime.engine, runtime.version, runtime.package) == ("mlx", "0.32.4", "mlx-lm 0.32.2")
    (device,) = runtime.devices
    assert (device.kind, runtime.build["backend"]) == ("cpu", "cpu")
    assert device.name != "CPU"
    assert runtime.settings["dtype"] == "float32"
    assert runtime.settings["quantization"] == "none"
    verify(stored)


def test_the_same_weights_compute_the_same_as_in_llama_cpp(tiny, bench, tmp_path_factory):
    gguf = tiny_models.write_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf")
    exact = ("-o", "type_k=f32", "-o", "type_v=f32", "-o", "flash_attn=off")
    ours, llama = bench("mlx", tiny).record, bench("llama.cpp", gguf, *exact).record
    outputs = [{x.workload: x.output_ids for x in one.results if x.output_ids} for one in (ours, llama)]
    assert outputs[0] == outputs[1]
    told = [one.probe.mean_nll_micronats for one in (ours, llama)]
    assert abs(told[0] - told[1]) < 1e-3 * told[1]


def test_a_checkpoint_that_mlx_quantised_is_measured_under_its_own_label(tiny, bench, tmp_path_factory):
    folder = tmp_path_factory.mktemp("quantised") / "tiny-4bit"
    shutil.copytree(tiny, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    python = environments.place(paths.cache(), "mlx", backend_of("mlx", "auto")).python
    subprocess.run([python, "-c", QUANTISE, tiny, folder], check=True, capture_output=True)
    record = bench("mlx", folder).record
    assert record.model["quantisation"] == "MLX-int4-g32"
    assert record.runtime.settings["quantization"] == "mlx_affine_4bit_g32"
    assert "quantization" not in settings.shown(record)  # the label says it already
    assert record.probe.mean_nll_micronats != bench("mlx", tiny).record.probe.mean_nll_micronats


def test_what_it_can_not_do_is_said_in_one_line(tiny, tmp_path):
    repro = Repro(tmp_path)
    new = shutil.copytree(tiny, tmp_path / "new")
    config = json.loads((new / "config.json").read_text())
    (new / "config.json").write_text(json.dumps(config | {"model_type": "no-such-architecture"}))
    bench = ("bench", "--runtime", "mlx", "--suite", SUITE, "--processes", "1", "--model")
    line = refused(repro(*bench, new), 3)
    assert "Model type no-such-architecture not supported" in line
    outcome = read(repro.records()[0]).record.outcome
    assert (outcome.reason, outcome.stage) == ("unsupported_architecture", "load")
    assert "this MLX has no GPU" in refused(repro(*bench, tiny, "-o", "device=gpu"))
    assert "not offered" in refused(repro(*bench, tiny, "-o", "device=metal"))
    assert len(repro.records()) == 1
