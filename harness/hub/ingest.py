"""A submitted record before the hub takes it: signatures over the stored bytes, then the schema, then its own samples.

The hub believes no total. What the rules count, the headline's medians, is derived again from the samples before a record enters
the queue; everything else of its summary when it is submitted, before an editor approves it, and in every audit (`recomputed`).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import median

from harness.errors import BadInput, RecordInvalid
from harness.hub.event import Event
from harness.hub.measured import Measured, measured_of, subject_digest
from harness.measure.metrics import Metric, measure_block, stack
from harness.measure.trial import Purpose
from harness.record import envelope
from harness.record.samples import decode
from harness.record.schema import Record
from harness.record.statement import record_of
from harness.record.store import Stored
from harness.run.recompute import verify as recompute
from harness.run.signatures import signers
from harness.run.tables import trials_of

ENVELOPE_LIMIT = 24 << 20
SAMPLES_LIMIT = 64 << 20


@dataclass(frozen=True, slots=True)
class Submission:
    """A record that holds: who signed it, and what the rules need of it."""

    id: str
    record: Record
    measured: Measured
    envelope: bytes
    samples: bytes


def checked(data: bytes, samples: bytes, where: str) -> Submission:
    """The record in an envelope's bytes with its samples. Raises `RecordInvalid` or `BadInput` with the first that is wrong."""
    if len(data) > ENVELOPE_LIMIT or len(samples) > SAMPLES_LIMIT:
        raise RecordInvalid(f"has {len(data)} and {len(samples)} bytes, over the limits", where=where)
    sealed = envelope.read(data, where)
    # Whose keys they should be stands inside; a signature of theirs over these very bytes is what makes it theirs.
    if sealed.payload_type != envelope.PAYLOAD_TYPE:
        raise RecordInvalid(f"is signed as {sealed.payload_type!r}, not as a record", where=where)
    record, identity = record_of(sealed.payload, where)
    operator = record.operator
    if operator is None:
        raise RecordInvalid("is not signed by an operator", where=where, fix="run: repro keys new, and measure again")
    signers(sealed, operator, where)
    stored = Stored(Path(where), identity, record, sealed.payload)
    headline(stored.record, samples, where)
    return Submission(identity, record, measured_of(stored), data, samples)


def recomputed(found: Submission, where: str) -> None:
    """Raises `RecordInvalid` naming the first number of the summary that does not follow from the samples."""
    recompute(Stored(Path(where), found.id, found.record, b""), found.samples)


def headline(record: Record, samples: bytes, where: str) -> None:
    """Raises `RecordInvalid` unless the process medians of the headline's decode rate follow from the samples."""
    told = record.headline
    columns = decode(samples, record.samples.sha256, where)
    if len(columns["process"]) != record.samples.rows:
        raise RecordInvalid("the samples have another number of rows than the record says", where=where)
    kept = [
        i
        for i, (workload, purpose, reason) in enumerate(
            zip(columns["workload"], columns["purpose"], columns["invalid_reason"], strict=True)
        )
        if workload == record.suite.headline and purpose == Purpose.TIMED.value and not reason
    ]
    valid = trials_of({name: [values[i] for i in kept] for name, values in columns.items()}, where)
    rates: dict[int, list[float]] = {}
    for block in stack(valid):
        for i, measured in zip(block.rows, measure_block(block), strict=True):
            rate = measured.scalar(Metric.DECODE_RATE)
            if rate is not None:
                rates.setdefault(valid[i].process, []).append(rate)
    medians = tuple(round(median(own) * 1e6) for _, own in sorted(rates.items()))
    if told is None or told.estimate is None or told.estimate.process_medians != medians:
        raise RecordInvalid(
            "its headline does not follow from its samples", where=where, fix="do not trust this record"
        )


def agrees(event: Event, found: Submission) -> None:
    """Raises `BadInput` unless the submission's event speaks of this very record."""
    record, detail, operator = found.record, event.detail, found.record.operator
    if operator is None:
        raise RecordInvalid("is not signed by an operator", where=found.id[:12])
    pairs = {
        "id": (event.subject, found.id),
        "operator": (event.by, operator.handle),
        "operator's key": (detail["operator_key"], operator.operator_key),
        "rig key": (detail["rig_key"], operator.rig_key),
        "envelope": (detail["envelope_sha256"], sha256(found.envelope).hexdigest()),
        "samples": (detail["samples_sha256"], record.samples.sha256),
        "subject": (detail["subject_sha256"], subject_digest(found.measured.measurement.subject)),
        "start": (detail["started"], record.run.started_utc),
        "end": (detail["finished"], record.run.finished_utc),
        "challenge": (detail["challenge"], record.run.challenge or ""),
    }
    for name, (said, is_) in pairs.items():
        if said != is_:
            raise BadInput(
                f"the submission names another {name} than its record", where=found.id[:12], fix="submit it anew"
            )
