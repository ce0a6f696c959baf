"""A submitted record before the registry takes it: signatures over the stored bytes, then the schema, then its own samples.

The registry believes no total. What the rules count, the headline's medians, is derived again from the samples before a record
enters the queue; all else of its summary when it is submitted, before an editor approves it, and in every audit (`recomputed`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from statistics import median
from typing import NamedTuple

from harness.catalog import suites
from harness.errors import BadInput, RecordInvalid
from harness.measure.metrics import Metric, measure_trials
from harness.measure.trial import Purpose
from harness.measure.warmup import MOST as MOST_WARMUPS
from harness.names import flaw
from harness.record import envelope, private, statement
from harness.record.samples import decode
from harness.record.schema import Operator, Record
from harness.record.store import Stored
from harness.registry.db.records import longest
from harness.registry.intake.projection import Measured, device_digest, earlier_digest, measured_of, subject_digest
from harness.tlog.event import Event, is_time
from harness.verify.reading import refuse_failed
from harness.verify.recompute import follows
from harness.verify.signatures import HOW_TO_SIGN, signers
from harness.verify.token_ids import digest_of
from harness.verify.trials import trials_of
from harness.verify.work import refuse_other_work

ENVELOPE_LIMIT = 24 << 20
SAMPLES_LIMIT = 64 << 20
TEXT_LIMIT = 16 << 10  # of a column without a length


@dataclass(frozen=True, slots=True)
class Claims:
    """What a submission's event must say, too."""

    handle: str
    operator_key: str
    rig_key: str
    started: str
    finished: str
    challenge: str
    synthetic: bool
    samples_sha256: str


@dataclass(frozen=True, slots=True)
class Submission:
    """A record that holds: who signed it, and what the rules need of it. Small, apart from its bytes: it crosses processes."""

    id: str
    claims: Claims
    measured: Measured
    envelope: bytes
    samples: bytes
    note_sha256: str  # of the device note that it names; "" for none

    @property
    def record(self) -> Record:
        """The whole record, read again from the bytes that were checked."""
        return statement.record_of(envelope.read(self.envelope, self.id).payload, self.id)[0]


def checked(data: bytes, samples: bytes, where: str) -> Submission:
    """The record in an envelope's bytes with its samples: all that the registry asks before it enters the queue.

    Raises `RecordInvalid` or `BadInput` with the first that is wrong.
    """
    found, record = _opened(data, samples, where)
    with well_formed(where):
        headline(record, samples, where)
    return found


def opened(data: bytes, samples: bytes, where: str) -> Submission:
    """As `checked`, of one that was checked before: its samples are held against their digest alone. Raises alike."""
    found, record = _opened(data, samples, where)
    if sha256(samples).hexdigest() != record.samples.sha256:
        raise RecordInvalid("its samples are not those of the record", where=where)
    return found


def recomputed(data: bytes, samples: bytes, where: str) -> Submission:
    """As `checked`, and every number of the summary follows from the samples, which are those of the work that the record names.

    Raises alike, naming the first that does not hold.
    """
    found, record = _opened(data, samples, where)
    with well_formed(where):
        trials = follows(Stored(Path(where), found.id, record, b""), samples)
        refuse_other_work(record, trials, where)
    return found


@contextmanager
def well_formed(where: str) -> Iterator[None]:
    """What fails inside on the free parts of a foreign record is that record's fault. Raises `RecordInvalid`."""
    try:
        yield
    except (KeyError, TypeError, AttributeError, IndexError, ValueError) as error:
        raise RecordInvalid(f"is malformed ({type(error).__name__}: {error})", where=where) from error


class SignedRecord(NamedTuple):
    """What `signed_record` found. `note_sha256`: of the device note that the record names, "" for none."""

    stored: Stored
    operator: Operator
    note_sha256: str


def signed_record(data: bytes, samples: bytes, where: str) -> SignedRecord:
    """The record in an envelope's bytes, signed by the keys that it names, times and challenge proper. Raises `RecordInvalid`."""
    if len(data) > ENVELOPE_LIMIT or len(samples) > SAMPLES_LIMIT:
        raise RecordInvalid(f"has {len(data)} and {len(samples)} bytes, over the limits", where=where)
    sealed = envelope.read(data, where)
    # Whose keys they should be stands inside; a signature of theirs over these very bytes is what makes it theirs.
    if sealed.payload_type != envelope.PAYLOAD_TYPE:
        raise RecordInvalid(f"is signed as {sealed.payload_type!r}, not as a record", where=where)
    record, identity, bound = statement.read(sealed.payload, where)
    operator = record.operator
    if operator is None:
        raise RecordInvalid("is not signed by an operator", where=where, fix=HOW_TO_SIGN)
    signers(sealed, operator, where)
    if len(sealed.signatures) != 2 or sealed.to_bytes() != data:
        # It is published as it came: what no signature holds could be anybody's word, or a device's name.
        raise RecordInvalid(
            "its envelope holds more than its payload and two signatures, or is written in another way",
            where=where,
            fix="submit the file as it was measured",
        )
    with well_formed(where):
        _challenged(record, where)
    stored = Stored(Path(where), identity, record, sealed.payload)
    return SignedRecord(stored, operator, bound.get(private.FILE, ""))


def claims_of(record: Record, operator: Operator) -> Claims:
    """What the event of its submission must say, too."""
    return Claims(
        operator.handle,
        operator.operator_key,
        operator.rig_key,
        record.run.started_utc,
        record.run.finished_utc,
        record.run.challenge or "",
        record.run.synthetic,
        record.samples.sha256,
    )


def _opened(data: bytes, samples: bytes, where: str) -> tuple[Submission, Record]:
    stored, operator, note = signed_record(data, samples, where)
    record = stored.record
    refuse_failed(stored)
    with well_formed(where):
        _in_shape(record, where)
        measured = measured_of(stored)
        _fits(measured, where)
    return Submission(stored.id, claims_of(record, operator), measured, data, samples, note), record


_NAMES = ("operator", "quantisation", "engine", "sku", "generation", "os_family", "runtime_series", "model_name")


def _fits(measured: Measured, where: str) -> None:
    """Raises `RecordInvalid` for text that is not printable, or longer than any database takes it, and for a name with a flaw."""
    row = measured.row({})
    for name in _NAMES:
        said = flaw(row[name])
        if said is not None:
            raise RecordInvalid(f"its {name} {said}", where=where, fix="measure it under a plain name")
    for name, value in row.items():
        limit = longest(name)
        if isinstance(value, str) and (len(value) > (limit or TEXT_LIMIT) or not value.isprintable()):
            raise RecordInvalid(
                f"its {name} is longer than {limit or TEXT_LIMIT} characters or not printable", where=where
            )


def _in_shape(record: Record, where: str) -> None:
    """Raises `RecordInvalid` for more trials than the record's own suite makes in so many processes, all warm-ups counted."""
    suite = suites.by_digest(record.suite.sha256)
    if suite is None:
        return
    rounds = MOST_WARMUPS + suite.timed_trials + 1  # one trial more has a prompt never seen before
    most = max(len(record.processes), 1) * rounds * sum(workload.concurrency or 1 for workload in suite.workloads)
    if record.samples.rows > most:
        raise RecordInvalid(
            f"has {record.samples.rows} trials, and {suite.name}-v{suite.version} makes {most} at most", where=where
        )


def _challenged(record: Record, where: str) -> None:
    """Raises `RecordInvalid` for times that are none, and for a challenge that did not make the seed and the forced ids."""
    if not (is_time(record.run.started_utc) and is_time(record.run.finished_utc)):
        raise RecordInvalid("its times are not UTC to the second", where=where)
    nonce = record.run.challenge
    if nonce is None:
        return
    if record.run.seed != suites.challenge_seed(nonce):
        raise RecordInvalid("its seed does not follow from its challenge", where=where, fix="measure with --challenge")
    suite = suites.by_digest(record.suite.sha256)
    for workload in record.workloads:
        own = None if suite is None else next((w for w in suite.workloads if w.id == workload.id), None)
        ids = None if suite is None or own is None else suites.forced_ids(suite, own, record.runtime.vocab_size, nonce)
        if ids is not None and workload.forced_sha256 != digest_of(ids):
            raise RecordInvalid(f"the ids of {workload.id} do not follow from its challenge", where=where)


def taken_by(found: Submission, *, demonstration: bool) -> None:
    """Raises `BadInput` for a synthetic record, unless the registry is a demonstration."""
    refuse_synthetic(found.id, found.claims, demonstration=demonstration)


def refuse_synthetic(identity: str, claims: Claims, *, demonstration: bool) -> None:
    """As `taken_by`, of whatever has such claims."""
    if claims.synthetic and not demonstration:
        raise BadInput(
            "is synthetic: it was never a measurement", where=identity[:12], fix="submit records of real runtimes"
        )


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
    for trial, measured in zip(valid, measure_trials(valid), strict=True):
        rate = measured.scalar(Metric.DECODE_RATE)
        if rate is not None:
            rates.setdefault(trial.process, []).append(rate)
    medians = tuple(round(median(own) * 1e6) for _, own in sorted(rates.items()))
    if not medians and told is None:
        raise RecordInvalid(
            "has no decode rate to compare",
            where=where,
            fix="see its finding `chunked`: measure without what joins tokens",
        )
    if told is None or told.estimate is None or told.estimate.process_medians != medians:
        raise RecordInvalid(
            "its headline does not follow from its samples", where=where, fix="do not trust this record"
        )


def names_device(event: Event, found: Submission) -> None:
    """Raises `BadInput` unless a submission that is new names its record's device as it is called today."""
    told = event.detail.get("device_sha256")
    if told is None:
        raise BadInput("does not name its device", where=found.id[:12], fix="update repro-harness, and submit it again")
    refuse_others({"device": (told, device_digest(found.measured.measurement.hardware.sku))}, found.id)


def refuse_others(pairs: Mapping[str, tuple[object, object]], record: str) -> None:
    """Raises `BadInput` for the first of what an event says, by name, that is not what its record says."""
    for name, (said, is_) in pairs.items():
        if said != is_:
            raise BadInput(
                f"the submission names another {name} than its record", where=record[:12], fix="submit it again"
            )


def agrees(event: Event, found: Submission) -> None:
    """Raises `BadInput` unless the submission's event speaks of this very record.

    A log that names no devices holds; a device that was listed since then was named as unlisted (`names_device` of new ones).
    """
    claims, detail = found.claims, event.detail
    subject = found.measured.measurement.subject
    # Nothing is gained by the earlier name: only records of one subject are ever judged against each other.
    named = earlier_digest(subject) if detail["subject_sha256"] == earlier_digest(subject) else subject_digest(subject)
    device = device_digest(found.measured.measurement.hardware.sku)
    if detail.get("device_sha256") == device_digest(found.measured.unlisted):
        device = detail["device_sha256"]
    pairs = {
        "id": (event.subject, found.id),
        "operator": (event.by, claims.handle),
        "operator's key": (detail["operator_key"], claims.operator_key),
        "rig key": (detail["rig_key"], claims.rig_key),
        "envelope": (detail["envelope_sha256"], sha256(found.envelope).hexdigest()),
        "samples": (detail["samples_sha256"], claims.samples_sha256),
        "subject": (detail["subject_sha256"], named),
        "device": (detail.get("device_sha256", device), device),
        "start": (detail["started"], claims.started),
        "end": (detail["finished"], claims.finished),
        "challenge": (detail["challenge"], claims.challenge),
    }
    refuse_others(pairs, found.id)
