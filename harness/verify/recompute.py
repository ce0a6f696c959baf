"""A stored record against its own samples: results and workloads' findings again, a refusal at the first that differs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.errors import RecordInvalid
from harness.measure.plural import count
from harness.measure.trial import Purpose, Trial
from harness.record.samples import decode
from harness.record.schema import Finding, Record, WorkloadResult
from harness.record.store import Stored
from harness.verify.findings import WORKLOAD_CODES, findings_of_workload, one_wording
from harness.verify.summary import process_result, results
from harness.verify.trials import trials_of


def verify(stored: Stored, samples: bytes | None = None) -> int:
    """How many numbers follow from the samples, those beside the record unless given.

    Raises `RecordInvalid` naming the first that does not.
    """
    return _compared(stored, _derived(stored, stored.samples() if samples is None else samples))


def follows(stored: Stored, samples: bytes) -> list[Trial]:
    """As `verify`, without counting: equal at a glance, or it says what is not. For a registry, which does it by the thousand.

    Returns the trials.
    """
    record, found = stored.record, _derived(stored, samples)
    if (
        record.process_results
        or found.results != record.results
        or _ordered([f.model_dump() for f in found.findings]) != _recorded(record)
    ):
        _compared(stored, found)
    return found.trials


@dataclass(frozen=True, slots=True)
class _Derived:
    """The trials of a record's samples, and what follows from them."""

    trials: list[Trial]
    results: tuple[WorkloadResult, ...]
    findings: list[Finding]


def _derived(stored: Stored, samples: bytes) -> _Derived:
    """Raises `RecordInvalid`, where counts differ before anything is derived: that costs more than counting."""
    record, where = stored.record, str(stored.path)
    columns = decode(samples, record.samples.sha256, where)
    rows, names = len(columns["process"]), [workload.id for workload in record.workloads]
    if rows != record.samples.rows:
        raise RecordInvalid(
            f"the samples have {count(rows, 'row')}, the record says {record.samples.rows}", where=where
        )
    if set(columns["workload"]) - set(names):
        raise RecordInvalid("the samples hold a workload that the record does not name", where=where)
    _counted(record.results, columns, where)
    trials = trials_of(columns, where)
    findings = [found for name in names for found in findings_of_workload(name, trials)]
    return _Derived(trials, results(names, trials, record.runtime.clock), findings)


def _counted(told: Sequence[WorkloadResult], columns: Mapping[str, Sequence[Any]], where: str) -> None:
    """Raises `RecordInvalid` unless each result names as many trials of each purpose as there are."""
    count = Counter(zip(columns["workload"], columns["purpose"], map(bool, columns["invalid_reason"]), strict=True))
    for place, one in enumerate(told):
        invalid = count[one.workload, Purpose.TIMED.value, True]
        timed = count[one.workload, Purpose.TIMED.value, False] + invalid
        warmup = sum(count[one.workload, Purpose.WARMUP.value, lost] for lost in (False, True))
        _same(
            {"warmup": warmup, "timed": timed, "invalid": invalid},
            {"warmup": one.warmup, "timed": one.timed, "invalid": one.invalid},
            f"results[{place}]",
            where,
        )


def _compared(stored: Stored, found: _Derived) -> int:
    """How many numbers agree. Raises `RecordInvalid` at the first that does not."""
    record, where = stored.record, str(stored.path)
    count = _same(_ordered([f.model_dump() for f in found.findings]), _recorded(record), "findings", where)
    ours, theirs = ([r.model_dump() for r in some] for some in (found.results, record.results))
    count += _same(ours, theirs, "results", where)
    values = {
        "load_time": [p.load_ns for p in record.processes],
        "peak_rss": [p.peak_rss_bytes for p in record.processes],
    }
    for entry in record.process_results:
        again = process_result(entry.metric, entry.unit, values.get(entry.metric, ()), entry.clock)
        count += _same(again.model_dump(), entry.model_dump(), f"process_results.{entry.metric}", where)
    return count


def _recorded(record: Record) -> list[dict[str, Any]]:
    """Findings about machine, instrument and stopping rest on more than the samples and stay as recorded."""
    return _ordered([f.model_dump() for f in record.findings if f.workload and f.code in WORKLOAD_CODES])


def _ordered(findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
    findings = [finding | {"text": one_wording(finding["text"])} for finding in findings]
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
