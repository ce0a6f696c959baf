"""What two records of one batch say: the speeds of their processes in pairs, or why they say nothing. Pure."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256

from harness.compare.records import failings
from harness.measure.plural import count
from harness.record.schema import Record

_SAME_WORK = ("mode", "prompt_tokens", "output_tokens", "concurrency", "depth", "prompt_sha256", "forced_sha256")


@dataclass(frozen=True, slots=True)
class Batch:
    """Process medians of the metric in the record's unit, shapes (n,), in the order of their rounds.

    `weights`, `machine` and `engines` (of both sides): digests of what was measured, where, and by which builds.
    `dropped`: why the numbers are not to be used; the batch is measured again.
    `unfit`: why the two can't be compared at all, however often they are measured.
    """

    good: tuple[int, ...]
    other: tuple[int, ...]
    dropped: str = ""
    unfit: str = ""
    weights: str = ""
    machine: str = ""
    engines: tuple[str, str] = ("", "")

    def unlike(self, first: Batch) -> str:
        """Why its pairs are not put together with those of another batch of the same two; "" where they are."""
        if self.weights != first.weights:
            return "the model's file is another one than that of the first pairs"
        if self.machine != first.machine:
            return "it ran on another machine, or with another rig key, than the first pairs"
        if self.engines != first.engines:
            return "an engine is another build than that of the first pairs"
        return ""


def read_batch(good: Record, other: Record, workload: str, metric: str) -> Batch:
    """Of the two records; both are of runs that completed."""
    left = next((one for one in good.workloads if one.id == workload), None)
    right = next((one for one in other.workloads if one.id == workload), None)
    if left is None or right is None:
        return Batch((), (), unfit=f"workload {workload} was left out")
    differing = [name for name in _SAME_WORK if getattr(left, name) != getattr(right, name)]
    if differing:
        return Batch((), (), unfit=f"it did other work: {', '.join(differing)}")
    ours, theirs = (_medians(record, workload, metric) for record in (good, other))
    if not ours or not theirs:
        return Batch((), (), unfit=f"there is no {metric} of {workload}")
    said = [
        f"{name}: {why}"
        for name, record in (("good", good), ("the other", other))
        for why in failings(record, workload, metric)
    ]
    said += [
        f"{name}: a process failed, so that the others are no pairs"
        for name, record in (("good", good), ("the other", other))
        if record.run.failed_processes
    ]
    if len(ours) != len(theirs):
        said.append(f"{len(ours)} and {count(len(theirs), 'process', 'processes')}")
    weights, others = (str(record.model.get("sha256") or "") for record in (good, other))
    if weights != others:  # the file was replaced between the two
        said.append("the sides measured other weights")
    machine, another = _machine(good), _machine(other)
    if machine != another:  # a hunt that was cut off, and went on elsewhere
        said.append("the sides ran on two machines")
    engines = (_engine(good), _engine(other))
    return Batch(ours, theirs, "; ".join(said), weights=weights, machine=machine, engines=engines)


def _machine(record: Record) -> str:
    """By its processor, as far as it is told, and by its key where it signs: a home may be shared by several machines."""
    cpu = record.environment.get("cpu") or {}
    cores = (cpu.get("topology") or {}).get("logical_cores")
    told = [cpu.get(name) for name in ("vendor", "model", "family", "model_number")]
    return _digest([told, cores, None if record.operator is None else record.operator.rig_key])


def _engine(record: Record) -> str:
    ran = record.runtime
    return _digest([ran.name, ran.version, ran.commit, ran.build, ran.packages])


def _digest(value: object) -> str:
    return sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def _medians(record: Record, workload: str, metric: str) -> tuple[int, ...]:
    found = record.result(workload, metric)
    return () if found is None or found.estimate is None else found.estimate.process_medians
