"""What two records of one batch say: the speeds of their processes in pairs, or why they say nothing. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from harness.compare.records import failings
from harness.measure.plural import count
from harness.record.schema import Record

_SAME_WORK = ("mode", "prompt_tokens", "output_tokens", "concurrency", "depth", "prompt_sha256", "forced_sha256")


@dataclass(frozen=True, slots=True)
class Batch:
    """Process medians of the metric in the record's unit, shapes (n,), in the order of their rounds.

    `weights`: digest of what was measured. `dropped`: why the numbers are not to be used; the batch is measured again.
    `unfit`: why the two can't be compared at all, however often they are measured.
    """

    good: tuple[int, ...]
    other: tuple[int, ...]
    dropped: str = ""
    unfit: str = ""
    weights: str = ""


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
    return Batch(ours, theirs, "; ".join(said), weights=weights)


def _medians(record: Record, workload: str, metric: str) -> tuple[int, ...]:
    found = record.result(workload, metric)
    return () if found is None or found.estimate is None else found.estimate.process_medians
