"""The record of a run that failed: that it holds nothing measured, and that what it tried is its suite's. Pure."""

from __future__ import annotations

from harness.catalog import suites
from harness.errors import RecordInvalid
from harness.record.samples import decode
from harness.record.schema import Record
from harness.verify.suite import departures, head


def follows(record: Record, samples: bytes, where: str) -> None:
    """Raises `RecordInvalid` unless the samples are the record's own and hold nothing, and what it names is of its suite.

    That outcome and record agree was asked when it was read (`harness.record.outcome.fault`).
    """
    columns = decode(samples, record.samples.sha256, where)
    if len(columns["process"]):
        raise RecordInvalid("it failed, and its samples hold trials", where=where, fix="do not trust this record")
    known = suites.by_digest(record.suite.sha256)
    if known is None:
        return
    # Forced ids are drawn from the vocabulary, which is not known before the model is loaded.
    planned = bool(record.workloads) and record.failure is not None and record.failure.loaded
    found = departures(record, known) if planned else [*head(record, known)]
    if found:
        raise RecordInvalid(found[0], where=where, fix="do not trust this record")
