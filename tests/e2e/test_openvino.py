"""OpenVINO for real: a GGUF that its reader takes, one that it refuses, and what a record says of how it was computed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from harness.record import settings
from harness.record.store import read
from harness.verify.recompute import verify
from tests.e2e.conftest import Repro, measured, refused

pytestmark = pytest.mark.e2e

SUITE = Path(__file__).parents[1] / "data" / "small-v1.toml"
MODEL, REFUSED = "smollm2-135m-instruct-q4_1", "gemma-3-270m-q4_k_m"


def bench(repro, model, *options):
    settings = [word for option in options for word in ("-o", option)]
    return repro(
        "bench", "--runtime", "openvino", "--model", model, "--suite", SUITE, "--processes", "1", *settings, timeout=1800
    )  # fmt: skip


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    repro = Repro(tmp_path_factory.mktemp("openvino"))
    measured(bench(repro, MODEL))
    return read(repro.records()[0])


def test_a_record_says_what_computed_and_how(stored):
    runtime = stored.record.runtime
    assert (runtime.name, runtime.engine) == ("openvino", "openvino")
    assert runtime.version.startswith("2026.4.1.0")
    assert runtime.build["openvino"].startswith("2026.4.1-")
    (device,) = runtime.devices
    assert device.kind == "cpu"
    assert device.name not in ("", "CPU")
    found = runtime.settings
    # By default it rounds the cache and the activations to 8 bits, and computes in bf16 where the processor can.
    assert found["type_k"] == found["type_v"] == "u8"
    assert found["dtype"] in ("bf16", "f32")
    assert found["dynamic_quantization"] == 32
    assert found["prefix_caching"] is False
    # The file's label alone would say more than is true: its groups' minimums became 4-bit zero points.
    assert stored.record.model["quantisation"] == "Q4_1"
    assert found["weights"] == "u4+u8+zp4"
    assert "weights=u4+u8+zp4" in settings.shown(stored.record)
    assert "openvino-telemetry" not in runtime.packages


def test_its_record_is_whole_and_agrees_with_the_engines_own_times(stored):
    record = stored.record
    failed = {check.code for check in record.checks if check.status == "fail"}
    # Times of a busy machine say nothing here.
    assert not failed - {"physics_ttft", "engine_counters", "cache_honesty"}, record.checks
    assert {workload.mode for workload in record.workloads} == {"greedy", "forced"}
    assert all(result.output_ids for result in record.results if result.workload in ("decode", "chat"))
    assert record.probe is not None
    verify(stored)


def test_it_holds_what_any_adapter_must(tmp_path):
    done = Repro(tmp_path)("runtime", "check", "openvino", "--model", MODEL, "--json", timeout=1800)
    found = {item["code"]: item["status"] for item in json.loads(done.stdout)}
    assert "fail" not in found.values(), done.stdout
    # What it can't tell or do, and declares.
    assert {found[code] for code in ("forced", "caches_cleared")} == {"unknown"}
    assert {found[code] for code in ("tokenizes_as_reference", "exact_count", "deterministic", "scores")} == {"pass"}


def test_a_gguf_that_its_reader_can_not_take_is_a_recorded_failure(tmp_path):
    repro = Repro(tmp_path)
    line = refused(bench(repro, REFUSED), 3)
    assert "gguf_tensor_to_f16 failed" in line
    outcome = read(repro.records()[0]).record.outcome
    assert (outcome.reason, outcome.stage) == ("unsupported_quantisation", "load")
    assert any(device.kind == "cpu" for device in outcome.devices)


@pytest.mark.parametrize("device", ["AUTO", "GPU.7"])
def test_a_device_that_openvino_does_not_list_is_refused_in_one_line(tmp_path, device):
    repro = Repro(tmp_path)
    line = refused(bench(repro, MODEL, f"device={device}"))
    assert "must be a device that OpenVINO lists" in line
    assert "CPU" in line
    assert not repro.records()
