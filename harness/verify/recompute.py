"""A stored record against its own samples: results and workloads' findings again, a refusal at the first that differs."""

from __future__ import annotations

from typing import Any

from harness.errors import RecordInvalid
from harness.measure.trial import Trial
from harness.record.samples import decode
from harness.record.store import Stored
from harness.verify.findings import WORKLOAD_CODES, findings_of_workload
from harness.verify.summary import process_result, results
from harness.verify.trials import trials_of


def verify(stored: Stored, samples: bytes | None = None) -> int:
    """How many numbers follow from the samples, those beside the record unless given.

    Raises `RecordInvalid` naming the first that does not.
    """
    record, where = stored.record, str(stored.path)
    columns = decode(stored.samples() if samples is None else samples, record.samples.sha256, str(stored.path.parent))
    trials = trials_of(columns, where)
    if len(trials) != record.samples.rows:
        raise RecordInvalid(f"the samples have {len(trials)} rows, the record says {record.samples.rows}", where=where)
    names = [workload.id for workload in record.workloads]
    if {trial.workload for trial in trials} - set(names):
        raise RecordInvalid("the samples hold a workload that the record does not name", where=where)
    fresh = results(names, trials, record.runtime.clock)
    findings = [f for name in names for f in findings_of_workload(name, trials)]
    # Findings about machine, instrument and stopping rest on more than the samples and stay as recorded.
    recorded = [f.model_dump() for f in record.findings if f.workload and f.code in WORKLOAD_CODES]
    count = _same(_ordered([f.model_dump() for f in findings]), _ordered(recorded), "findings", where)
    count += _same([r.model_dump() for r in fresh], [r.model_dump() for r in record.results], "results", where)
    values = {
        "load_time": [p.load_ns for p in record.processes],
        "peak_rss": [p.peak_rss_bytes for p in record.processes],
    }
    for entry in record.process_results:
        again = process_result(entry.metric, entry.unit, values.get(entry.metric, ()), entry.clock)
        count += _same(again.model_dump(), entry.model_dump(), f"process_results.{entry.metric}", where)
    return count


def follows(stored: Stored, samples: bytes) -> list[Trial]:
    """As `verify`, without counting: equal at a glance, or it says what is not. For a registry, which does it by the thousand.

    Returns the trials.
    """
    record, where = stored.record, str(stored.path)
    trials = trials_of(decode(samples, record.samples.sha256, where), where)
    names = [workload.id for workload in record.workloads]
    if (
        len(trials) != record.samples.rows
        or {trial.workload for trial in trials} - set(names)
        or record.process_results
        or results(names, trials, record.runtime.clock) != record.results
        or _ordered([f.model_dump() for name in names for f in findings_of_workload(name, trials)])
        != _ordered([f.model_dump() for f in record.findings if f.workload and f.code in WORKLOAD_CODES])
    ):
        verify(stored, samples)
    return trials


def _ordered(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(findings, key=lambda finding: (finding["workload"], finding["code"], finding["text"]))


def _same(ours: Any, theirs: Any, place: str, where: str) -> int:
    if isinstance(ours, dict) and isinstance(theirs, dict):
        # Fields of a newer minor version are kept, and are not ours to judge.
        return sum(_same(value, theirs.get(key), f"{place}.{key}", where) for key, value in ours.items())
    if isinstance(ours, list | tuple) and isinstance(theirs, list | tuple) and len(ours) == len(theirs):
        return sum(_same(a, b, f"{place}[{i}]", where) for i, (a, b) in enumerate(zip(ours, theirs, strict=True)))
    if ours != theirs:
        raise RecordInvalid(
            f"{place} is {theirs}, its samples give {ours}", where=where, fix="do not trust this record"
        )
    return 1
