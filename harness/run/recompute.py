"""A stored record against its own samples: every number again, and a refusal at the first that differs."""

from __future__ import annotations

from typing import Any

from harness.errors import RecordInvalid
from harness.record.samples import decode
from harness.record.store import Stored
from harness.run.summary import process_result, results
from harness.run.tables import trials_of


def verify(stored: Stored) -> int:
    """How many numbers follow from the samples. Raises `RecordInvalid` naming the first that does not."""
    record, where = stored.record, str(stored.path)
    columns = decode(stored.samples(), record.samples.sha256, str(stored.path.parent))
    trials = trials_of(columns, where)
    if len(trials) != record.samples.rows:
        raise RecordInvalid(f"the samples have {len(trials)} rows, the record says {record.samples.rows}", where=where)
    fresh = results([entry.workload for entry in record.results], trials, record.runtime.clock)
    count = _same([r.model_dump() for r in fresh], [r.model_dump() for r in record.results], "results", where)
    values = {
        "load_time": [p.load_ns for p in record.processes],
        "peak_rss": [p.peak_rss_bytes for p in record.processes],
    }
    for entry in record.process_results:
        again = process_result(entry.metric, entry.unit, values.get(entry.metric, ()), entry.clock)
        count += _same(again.model_dump(), entry.model_dump(), f"process_results.{entry.metric}", where)
    return count


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
