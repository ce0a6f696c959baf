"""What strangers bring: an event as they signed it, with the record that it names, and the receipt that they get for it.

Nothing of what was brought is parsed before a key that may act has signed it: of a submission the event names the digests of its
record and samples, so that its signature covers every byte of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.errors import BadInput, NotAllowed, RecordInvalid, ReproError, TooLarge
from harness.record import envelope
from harness.registry.actions import limits
from harness.registry.actions.acts import utc
from harness.registry.db import device_digests, foreseen
from harness.registry.db.reader import Reader
from harness.registry.db.transaction import Item, Taken
from harness.registry.facts import EditorsFact, FailureFact, KeyFact, OperatorFact, RecordFact, RegistryFact
from harness.registry.intake import device_notes, failures, ingest
from harness.registry.queries.receipts import Receipt, of_lines, receipt
from harness.registry.rules import passkeys
from harness.registry.rules.base import id_of, known
from harness.registry.store import Registry
from harness.tlog import checkpoint
from harness.tlog import event as events
from harness.tlog.checkpoint import Checkpoint
from harness.tlog.event import Event

EVENT_LIMIT = 1 << 20  # bytes of an event's envelope
_OWN = ("registry-created", "challenge-issued", "registry-key-rotated")  # the registry's own acts: nobody brings them
_WITH_RECORD = ("record-submitted", "failure-submitted")
_WITHOUT_WORDS = ("operator-joined", "operator-rotated")  # public, for ever, before any editor has read them
Found = TypeVar("Found")


@dataclass(frozen=True, slots=True)
class Parcel:
    """What a request brought, as it came."""

    event: bytes
    record: bytes | None = None
    samples: bytes | None = None
    note: bytes | None = None  # the device note, for the registry alone


@dataclass(frozen=True, slots=True)
class Opened:
    """A parcel whose event is signed by somebody who may act. `newcomer`: only a key that it brings itself vouches for it."""

    parcel: Parcel
    event: Event
    digest: str  # of the event's payload
    key: str  # id of the key that vouches for it
    newcomer: bool
    entry: int | None  # of the very same thing, where that was in the log when this was opened


@dataclass(frozen=True, slots=True)
class Brought:
    """A parcel that may go to the writer: its record holds."""

    opened: Opened
    item: Item

    @property
    def event(self) -> Event:
        """What it asks for."""
        return self.opened.event


@dataclass(frozen=True, slots=True)
class Answer:
    """Where it is in the log, and the event's envelope as it is there. `new`: since now."""

    receipt: Receipt
    new: bool
    envelope: bytes


def opened(registry: Registry, parcel: Parcel) -> Opened:
    """Its event, once its signature holds. Raises `RecordInvalid` for what is false or none, `BadInput` for who may not act."""
    (found,) = opened_together(registry, [parcel])
    if isinstance(found, ReproError):
        raise found
    return found


def opened_together(registry: Registry, parcels: Sequence[Parcel]) -> list[Opened | ReproError]:
    """Each as `opened` would, or why not: what the registry knows of all of them is asked together."""
    read = [or_why_not(_read, one) for one in parcels]
    good = [one for one in read if not isinstance(one, ReproError)]
    if not good:
        return [one for one in read if isinstance(one, ReproError)]
    with registry.reading() as plain:
        reader = foreseen.of_signed(plain, [(one.event, one.sealed) for one in good], {one.digest for one in good})
        return [one if isinstance(one, ReproError) else or_why_not(_by_whom, reader, one) for one in read]


def or_why_not(work: Callable[..., Found], *told: object, **named: object) -> Found | ReproError:
    """What it gives, or the error that it raises: of many that are asked together each has its own answer."""
    try:
        return work(*told, **named)
    except ReproError as error:
        return error


@dataclass(frozen=True, slots=True)
class _Read:
    parcel: Parcel
    sealed: envelope.Envelope
    event: Event
    digest: str


def _read(parcel: Parcel) -> _Read:
    """What its event says: nobody has vouched for it yet. Raises `RecordInvalid` or `BadInput`."""
    if len(parcel.event) > EVENT_LIMIT:
        raise TooLarge(f"has {len(parcel.event)} bytes, the limit is {EVENT_LIMIT}", where="event")
    sealed = envelope.read(parcel.event, "event")
    if sealed.payload_type != events.PAYLOAD_TYPE:
        raise RecordInvalid(f"is signed as {sealed.payload_type!r:.80}, not as an event", where="event")
    event = events.read(sealed.payload, "event")
    if event.kind in _OWN:
        raise NotAllowed(f"{event.kind} is the registry's own act", where="event", fix="ask its editors")
    if event.kind in _WITHOUT_WORDS and event.reason:
        raise BadInput(f"must be empty in {event.kind}: it would be public at once", where="reason", fix="leave it out")
    return _Read(parcel, sealed, event, sha256(sealed.payload).hexdigest())


def _by_whom(reader: Reader, one: _Read) -> Opened:
    """Raises as `opened`."""
    key, newcomer = _signer(reader, one.sealed, one.event)
    return Opened(one.parcel, one.event, one.digest, key, newcomer, _place(reader, one.event, one.digest))


def _signer(reader: Reader, sealed: envelope.Envelope, event: Event) -> tuple[str, bool]:
    """The key behind the event, and whether the event brings it itself. Raises as `opened`."""
    own = known(reader, RegistryFact, "")
    if event.registry != own.origin:
        raise BadInput(
            f"was signed for the registry {event.registry!r:.80}",
            where="registry",
            fix=f"this is {own.origin!r}: sign it again",
        )
    signed = envelope.verify(sealed, passkeys.verifiers(event, reader), "event", events.PAYLOAD_TYPE)
    editors = {id_of(entry.key) for entry in known(reader, EditorsFact, "").editors.values()}
    for one in signed:
        fact = reader.get(KeyFact, one)
        if one in editors or (fact is not None and fact.owner == event.by and fact.revoked_from is None):
            return one, False
    if event.kind != "operator-joined":
        operator = known(reader, OperatorFact, event.by)
        if event.kind == "operator-rotated" and operator.next_key_sha256 in signed:
            return operator.next_key_sha256, False
        raise NotAllowed(
            f"is not signed by a key of {event.by} that the registry knows",
            where="signature",
            fix="sign with that key; rotated keys: repro operator rotate",
        )
    return signed[0], True


def brought(found: Opened, *, demonstration: bool) -> Brought:
    """With its record checked as far as the queue asks. Raises `RecordInvalid` or `BadInput`; asks no database."""
    parcel, event = found.parcel, found.event
    if event.kind not in _WITH_RECORD:
        for name, part in (("record", parcel.record), ("samples", parcel.samples), ("device_note", parcel.note)):
            if part is not None:
                raise BadInput(f"must not come with {event.kind}", where=name, fix="send the event alone")
        return Brought(found, Item(parcel.event))
    for name, part, told in (
        ("record", parcel.record, event.detail["envelope_sha256"]),
        ("samples", parcel.samples, event.detail["samples_sha256"]),
    ):
        if part is None:
            raise BadInput("must come with the event that submits it", where=name, fix="send event, record and samples")
        if sha256(part).hexdigest() != told:
            raise RecordInvalid("must be the bytes whose digest the event names", where=name, fix="send them unchanged")
    record, samples = parcel.record or b"", parcel.samples or b""
    where, hint = event.subject[:12], (event.after, found.digest)
    if event.kind == "failure-submitted":
        _without_note(parcel)
        failed = failures.checked(record, samples, where)
        failures.agrees(event, failed)
        failures.taken_by(failed, demonstration=demonstration)
        return Brought(found, Item(parcel.event, failure=failed, hint=hint))
    submission = ingest.checked(record, samples, where)
    ingest.agrees(event, submission)
    ingest.taken_by(submission, demonstration=demonstration)
    if not device_notes.ids(submission, parcel.note):
        _without_note(parcel)
    return Brought(found, Item(parcel.event, submission, hint=hint))


def _without_note(parcel: Parcel) -> None:
    """Raises `BadInput` for a note that the record does not name: nobody has signed it."""
    if parcel.note is not None:
        fix = "send event, record and samples"
        raise BadInput("must not come: the record names no device note", where="device_note", fix=fix)


def earlier(registry: Registry, found: Opened) -> int | None:
    """The entry of the very same thing, by now; None where the log has it not."""
    with registry.reading() as reader:
        return _place(reader, found.event, found.digest)


def _place(reader: Reader, event: Event, digest: str) -> int | None:
    """As `earlier`. A record, and an operator's key, enter once, whenever the event was signed."""
    index = reader.place_of(digest)
    return _same(reader, event) if index is None else index


def _same(reader: Reader, event: Event) -> int | None:
    if event.kind == "operator-joined":
        operator = reader.get(OperatorFact, event.by)
        return None if operator is None or operator.key != event.detail["operator_key"] else operator.joined
    record: RecordFact | FailureFact | None = None
    if event.kind == "record-submitted":
        record = reader.get(RecordFact, event.subject)
    elif event.kind == "failure-submitted":
        record = reader.get(FailureFact, event.subject)
    if record is None or record.operator != event.by or record.envelope_sha256 != event.detail["envelope_sha256"]:
        return None
    return record.index


def take(
    registry: Registry, key: Ed25519PrivateKey, parcels: Sequence[Brought], *, limited: bool = False
) -> list[Answer | ReproError]:
    """All that may be, in order, in one transaction with one checkpoint; of each its receipt, or why not.

    `limited`: the queue must have room for it in that transaction, whatever it had when the request came.
    """

    def room(reader: Reader, number: int, ahead: Sequence[Event]) -> None:
        limits.queue_has_room(reader, parcels[number].event, ahead)

    def seal(tree: Checkpoint) -> bytes:
        return checkpoint.sign(tree, key)

    proofs: dict[int, Receipt | None] = {}

    def prove(reader: Reader, found: Sequence[Taken | ReproError]) -> None:
        fresh = [one.entry for one in found if isinstance(one, Taken)]
        proofs.update(zip((line.index for line in fresh), of_lines(reader, fresh), strict=True))

    items = [one.item for one in parcels]
    found = registry.append_sealed(items, utc(), seal, room if limited else None, prove)
    answers: list[Answer | ReproError] = []
    for one, taken in zip(parcels, found, strict=True):
        if isinstance(taken, Taken):
            _note(registry, one)
            index = taken.entry.index
            answers.append(Answer(proofs[index] or proven(registry, key, index), True, one.item.envelope))
            continue
        # The very same may have entered since it was opened, and have changed what it is judged by: its own keys, a version.
        before = or_why_not(earlier, registry, one.opened)
        answers.append(there(registry, key, before) if isinstance(before, int) else taken)
    return answers


def again(registry: Registry, key: Ed25519PrivateKey, found: Opened, *, demonstration: bool) -> Answer | None:
    """The receipt of what is there already, whose device note is kept, as an earlier try may not have; None of what is not."""
    if found.entry is None:
        return None
    if found.event.kind == "record-submitted" and found.parcel.note is not None:
        _note(registry, brought(found, demonstration=demonstration))
    return there(registry, key, found.entry)


def there(registry: Registry, key: Ed25519PrivateKey, index: int) -> Answer:
    """The receipt of an entry with the event that it names. Raises `NotFound`; `RecordInvalid` where the event is gone."""
    found = proven(registry, key, index)
    with registry.reading() as reader:
        line = reader.entry(index)
        data = None if line is None else reader.body(line.envelope_sha256)
    if data is None:
        raise RecordInvalid("its event is gone", where=f"entry {index}", fix="run: repro audit")
    return Answer(found, False, data)


def proven(registry: Registry, key: Ed25519PrivateKey, index: int) -> Receipt:
    """The receipt of an entry, below the newest checkpoint; one is signed where none covers it. Raises `NotFound`."""
    from harness.registry.actions.create import sign_checkpoint

    with registry.reading() as reader:
        found = receipt(reader, index)
    if found is None:
        sign_checkpoint(registry, key)
        with registry.reading() as reader:
            found = receipt(reader, index)
    if found is None:
        raise RecordInvalid("no checkpoint covers it", where=f"entry {index}", fix="run: repro audit")
    return found


def tried(registry: Registry, parcel: Brought) -> int:
    """The entry that it would be now. Raises why it may not be; nothing is written."""
    (found,) = registry.tried([parcel.item], utc())
    if isinstance(found, ReproError):
        raise found
    return found.entry.index


def _note(registry: Registry, one: Brought) -> None:
    if one.item.submission is not None and one.opened.parcel.note is not None:
        device_digests.note(registry, one.item.submission, one.opened.parcel.note)
