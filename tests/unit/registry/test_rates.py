"""Accepted records as points of a forecast: what they tell, and which tell nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from harness import evidence
from harness.demo import records
from harness.forecast.forecaster import forecast
from harness.forecast.values import Kind, Origin, Task
from harness.record.store import find
from harness.registry.queries import rates
from harness.tiers.anchor import Anchor
from tests.support.program import Program
from tests.support.registry_world import REAL, World, world

MEASURED = Path(__file__).parents[3] / "docs/notebooks/records/stranger"
MODEL = {
    "name": "Llama 8B", "family": "llama", "quantisation": "Q4_K_M", "sha256": sha256(b"llama 8B").hexdigest(),
    "architecture": "llama", "size": 4_920_000_000, "bytes_per_token": 4_600_000_000, "parameters": 8_030_000_000,
    "operations_per_token": 15_000_000_000, "prefill_operations_per_token": 14_000_000_000,
}  # fmt: skip


@pytest.fixture
def here(tmp_path: Path) -> World:
    return world(str(tmp_path / "registry"))


def more(backend: str = "cuda", **model: object) -> dict[str, object]:
    runtime = records._runtime(replace(REAL, sku="GeForce RTX 4070")).model_copy(
        update={"environment": {"backend": backend}}
    )
    return {"model": {**MODEL, **model}, "runtime": runtime}


def test_a_record_that_was_measured_here_tells_its_rates_at_the_bandwidth_of_then() -> None:
    record = next(iter(find([MEASURED]))).record
    found = list(rates.points_of(record, "f" * 64, "ann rig", 2026))
    assert {point.task.kind for point in found} == set(Kind)
    for point in found:
        assert point.origin is Origin.RECORD
        assert point.hardware.family == "cpu"
        assert point.hardware.bandwidth_bytes_per_s == record.derived["measured_bandwidth"]["read_bytes_per_s"]
        assert point.work.model.startswith("gemma3 ")
    headline = record.headline
    assert headline is not None
    assert headline.estimate is not None
    assert headline.estimate.point / 1e6 in {point.tokens_per_s for point in found}


@pytest.mark.parametrize(
    "changes",
    [
        {"runtime": {"engine": "vllm"}},
        {"runtime": {"environment": {"backend": "npu"}}},
        {"model": {"architecture": "gemma3"}},  # and no sizes
        {"run": {"synthetic": True}},
        {"derived": {}},  # the bandwidth of its processor is not known
    ],
)
def test_a_record_that_says_too_little_or_was_made_up_tells_nothing(changes: dict[str, dict[str, object]]) -> None:
    record = next(iter(find([MEASURED]))).record
    update = {
        name: getattr(record, name).model_copy(update=value) if name in ("runtime", "run") else value
        for name, value in changes.items()
    }
    assert list(rates.points_of(record.model_copy(update=update), "f" * 64, "ann rig", 2026)) == []


def test_only_accepted_records_count_and_a_forecast_names_them(here: World) -> None:
    row = here.accepted("ann", sku="GeForce RTX 4070", rate=75.0, more=more())
    here.submit(here.record("bob", sku="GeForce RTX 4070", rate=70.0, more=more()), row)  # nobody has approved it
    with here.registry.reading() as reader:
        found = rates.points(reader)
    assert {point.source for point in found} == {row}
    (point,) = found
    assert point.work.model == "llama 8B"
    assert point.hardware.name == "GeForce RTX 4070"
    told = forecast(evidence.forecaster_of(found), point.hardware, point.work, Task(Kind.DECODE, 128))
    assert told.anchor is Anchor.NEARBY
    assert told.basis[0].source == row


@pytest.mark.parametrize(("shown", "bandwidths"), [(27, {410e9}), (36, {546e9}), (30, set())])
def test_a_record_of_a_mac_reads_at_the_bandwidth_of_its_own_memory_or_tells_nothing(
    shown: int, bandwidths: set[float]
) -> None:
    record = next(iter(find([MEASURED]))).record
    told = records._runtime(replace(REAL, sku="Apple M4 Max"))
    (gpu,) = told.devices
    gpu = gpu.model_copy(update={"memory_bytes": shown << 30})
    runtime = told.model_copy(update={"environment": {"backend": "metal"}, "devices": (gpu,)})
    memory = {"tier_gib": {"value": 48}}
    found = record.model_copy(update={"runtime": runtime, "environment": {**record.environment, "memory": memory}})
    points = list(rates.points_of(found, "f" * 64, "ann rig", 2026))
    assert {point.hardware.bandwidth_bytes_per_s for point in points} == bandwidths


def test_the_command_rests_on_the_records_of_a_registry(
    here: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    from tests.support import real_shapes

    row = here.accepted("ann", sku="GeForce RTX 4070", rate=75.0, more=more())
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    llama = real_shapes.write(tmp_path / "llama.gguf", real_shapes.llama_8b())
    done = Program(capfd)("forecast", llama, "--device", "RTX 4070", "--registry", here.registry.target, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert told["decode"]["class"] == "M~"
    assert row in {one["source"] for one in told["decode"]["rests_on"] if one["origin"] == "record"}


@pytest.mark.parametrize(
    "name", ["llama-3.1-8b", "qwen2-7b", "qwen3-30b-a3b", "gpt-oss-20b", "gemma-2-9b", "falcon-h1-1.5b"]
)
def test_a_record_of_a_file_tells_of_the_same_work_as_its_header(name: str, tmp_path: Path) -> None:
    from harness.catalog import weights
    from harness.catalog.identity import header_of
    from harness.fit.reading import shape_of
    from harness.forecast.models import work_of
    from tests.support import real_shapes

    header = header_of(real_shapes.write(tmp_path / "model.gguf", real_shapes.SHAPES[name]()))
    asked = work_of(header, name, (16.0, 16.0), {point.work for point in evidence.shipped().points})
    model = {
        "architecture": shape_of(header).architecture, "size": sum(tensor.n_bytes for tensor in header.tensors),
        "quantisation": weights.quantisation(header), "parameters": weights.parameters(header.tensors),
        "bytes_per_token": weights.bytes_per_token(header), "operations_per_token": weights.operations_per_token(header),
    }  # fmt: skip
    record = next(iter(find([MEASURED]))).record.model_copy(update={"model": model})
    work = next(rates.points_of(record, "f" * 64, "ann rig", 2026)).work
    assert (work.model, work.quantisation, work.experts) == (asked.model, asked.quantisation, asked.experts)
    for told in ("token_bytes", "file_bytes", "parameters", "active_parameters"):
        assert getattr(work, told) == pytest.approx(getattr(asked, told), rel=0.01), told
