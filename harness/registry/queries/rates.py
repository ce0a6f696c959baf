"""What accepted records tell a forecast: rates of llama.cpp's kernels on known devices, one request at a time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from harness import evidence
from harness.catalog import devices, platforms
from harness.catalog.devices import Device
from harness.forecast.evidence import PROCESSOR, SINGLE, hardware_of, quantisation_class
from harness.forecast.models import passed_of, same_model
from harness.forecast.values import Hardware, Kind, Origin, Point, Task, Work
from harness.record import envelope
from harness.record.schema import Record
from harness.record.settings import tokens_a_pass
from harness.record.statement import taken
from harness.registry.db.reader import Reader
from harness.registry.facts import RecordFact
from harness.registry.intake.facts_told import part_of, value_of
from harness.registry.intake.hardware import computing
from harness.tiers.values import Status

ENGINE = "llama.cpp"
FAMILIES = ("cpu", "cuda", "rocm", "vulkan", "metal", "sycl", "opencl")
# What a record's model keeps of a token is not in the record: beyond so many tokens that would be felt.
MOST_DEPTH = 1024
_SHARED_EXPERTS = 0.7  # of its file a dense model reads more for each token


def points(reader: Reader) -> tuple[Point, ...]:
    """Of each accepted record that was measured and not made up. Raises `RecordInvalid` for one that can't be read."""
    found: list[Point] = []
    for identity, fact in sorted(reader.all(RecordFact).items()):
        data = reader.body(fact.envelope_sha256) if fact.status is Status.ACCEPTED and not fact.dropped else None
        if data is not None:
            where = f"record {identity}"
            record = taken(envelope.read(data, where).payload, identity, where)
            lab = f"{fact.operator} {fact.rig_key[:16]}"
            found += points_of(record, identity, lab, _years(fact.submitted))
    return tuple(found)


def _years(utc: str) -> float:
    """2025-07-… → 2025.54: the middle of the month, as published rates have it."""
    return round(int(utc[:4]) + (int(utc[5:7]) - 0.5) / 12, 2)


def points_of(record: Record, identity: str, lab: str, when: float) -> Iterator[Point]:
    """Its decode and prefill rates; none of another engine, a split, a draft, an unknown device or an unknown model."""
    hardware, work = _hardware(record), _work(record)
    if record.run.synthetic or record.runtime.engine != ENGINE or hardware is None or work is None:
        return
    if tokens_a_pass(record) != 1:
        return
    for workload in record.workloads:
        depth = (workload.depth or 0) + workload.prompt_tokens
        if (workload.concurrency or 1) > 1 or depth > MOST_DEPTH:
            continue
        for kind, metric, task in (
            (Kind.DECODE, "decode_rate", Task(Kind.DECODE, workload.output_tokens, depth)),
            (Kind.PREFILL, "prefill_rate", Task(Kind.PREFILL, workload.prompt_tokens, workload.depth or 0)),
        ):
            measured = record.result(workload.id, metric)
            if measured is None or measured.estimate is None or measured.estimate.point <= 0 or task.tokens < 2:
                continue
            if kind is Kind.PREFILL and task.tokens < SINGLE:
                continue
            rate = measured.estimate.point / 1e6
            yield Point(hardware, work, task, rate, lab, when, Origin.RECORD, identity)


def _hardware(record: Record) -> Hardware | None:
    """One device, or several equal ones, of the table; a processor with the bandwidth that was measured then."""
    family = str(record.runtime.environment.get("backend") or "")
    gpus, split = computing(record)
    if split is not None or family not in FAMILIES:
        return None
    if gpus:
        names = {(gpu.name, gpu.description, gpu.memory_bytes) for gpu in gpus}
        part = _part(record, *names.pop()) if len(names) == 1 else None
        return None if part is None or family == "cpu" else hardware_of(part, family, len(gpus))
    told = record.derived.get("measured_bandwidth")
    rate = told.get("read_bytes_per_s") if isinstance(told, Mapping) else None
    name = value_of(part_of(record, "cpu"), "model")
    if not isinstance(rate, int) or rate <= 0 or not isinstance(name, str):
        return None
    platform = platforms.find(name)
    generation = "unknown" if platform is None else platform.generation
    return Hardware(name, "cpu", generation, PROCESSOR, float(rate), None, measured=True)


def _part(record: Record, name: str, description: str, memory_bytes: int | None) -> Device | None:
    """None, too, where chips of unlike bandwidth have this name and the machine's memory leaves open which it was."""
    part = devices.called(name, description, memory_bytes)
    tier = value_of(part_of(record, "memory"), "tier_gib")
    return part and devices.as_recorded(part, tier if isinstance(tier, int) else None, memory_bytes)


def _work(record: Record) -> Work | None:
    model = record.model
    numbers = [model.get(name) for name in ("size", "bytes_per_token", "parameters", "operations_per_token")]
    if not all(isinstance(number, int) and number > 0 for number in numbers):
        return None
    size, read, parameters, operations = (float(number) for number in numbers if isinstance(number, int))
    experts = read < _SHARED_EXPERTS * size
    known = {point.work for point in evidence.shipped().points}
    name = same_model(str(model.get("architecture")), int(parameters), known)
    passed = passed_of(name, known) if experts else None
    return Work(
        model=name,
        quantisation=quantisation_class(str(model.get("quantisation") or "")),
        experts=experts,
        token_bytes=read if experts and passed is None else size * (passed or parameters) / parameters,
        file_bytes=size,
        parameters=parameters,
        # Of a dense model all, as published rows and headers count them: a table that is looked up counts, too.
        active_parameters=passed or (operations / 2 if experts else parameters),
        cache_bytes=None,
    )
