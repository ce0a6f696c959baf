"""What a service tells of a registry, and to whom: everybody, an operator of its own, an editor of all."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from harness.errors import BadInput, NotAllowed, NotFound, ReproError, TooMany
from harness.measure.plural import count
from harness.record import envelope
from harness.record.keys import HANDLE
from harness.record.passkey import is_passkey
from harness.registry.db import checkpoints, prefixes, service_tables
from harness.registry.db.reader import Reader
from harness.registry.facts import (
    ChallengeFact,
    EditorsFact,
    FailureFact,
    KeyFact,
    OperatorFact,
    PasskeysFact,
    PolicyFact,
    RecordFact,
    RegistryFact,
    RequestFact,
    RequestStatus,
    WitnessFact,
)
from harness.registry.facts.stored import dump
from harness.registry.queries import failures, submissions
from harness.registry.queries.believed import reading
from harness.registry.queries.preview import falls
from harness.registry.queries.receipts import entry_of
from harness.registry.rules.base import id_of, public
from harness.registry.rules.triples import OPEN
from harness.registry.store import Registry
from harness.tiers.values import Status
from harness.tlog import event as events
from harness.tlog import merkle
from harness.tlog.checkpoint import vkey
from harness.tlog.event import HEX

_SHOWN = (RequestStatus.ACCEPTED, RequestStatus.CLAIMED, RequestStatus.MEASURED)


@dataclass(frozen=True, slots=True)
class Asker:
    """Who signed a request."""

    handle: str
    editor: bool
    key: str  # id

    def may_see(self, handle: str) -> None:
        """Raises `NotAllowed` unless it is the operator, or an editor."""
        if not self.editor and self.handle != handle:
            raise NotAllowed("is somebody else's", where=handle[:40], fix="ask with the keys of that operator")


def about(reader: Reader) -> dict[str, Any]:
    """The registry, who decides, by which policy, and how long its log is."""
    registry, size = reader.need(RegistryFact), reader.size()
    note, passkeys = reader.checkpoint(), reader.get(PasskeysFact, "")
    return {
        **dump(registry),
        "vkey": vkey(registry.origin, next(iter(public(registry.key).values()))),
        "editors": dump(reader.need(EditorsFact)),
        "passkeys": None if passkeys is None else dump(passkeys),
        "policy": dump(reader.need(PolicyFact)),
        "size": size,
        "head": reader.head(size) or "",
        "root": reader.root().hex(),
        "signed": checkpoints.newest_size(reader),
        "checkpoint": "" if note is None else note.decode(),
        "witnesses": {name: one.key for name, one in reader.all(WitnessFact).items() if not one.removed},
    }


def consistency(reader: Reader, old: int, size: int) -> list[str]:
    """The proof that the log of `size` entries begins with the one of `old`. Raises `BadInput`, `NotFound`."""
    if size > reader.size():
        raise NotFound(f"the log has {count(reader.size(), 'entry', 'entries')}", where="size", fix="ask for no more")
    return [one.hex() for one in merkle.consistency_proof(old, size, reader.node)]


def demonstration(reader: Reader) -> bool:
    """Whether it takes synthetic records."""
    return reader.need(RegistryFact).demonstration


def operator(reader: Reader, handle: str) -> dict[str, Any]:
    """By the whole handle. Raises `NotFound`."""
    found = reader.get(OperatorFact, handle) if HANDLE.fullmatch(handle) else None
    if found is None:
        raise NotFound("is not known to this registry", where=handle[:40], fix="a first submission makes it known")
    return {"handle": handle, **dump(found)}


def key(reader: Reader, prefix: str) -> str:
    """The id of the operator's key whose id or bytes begin so. Raises `NotFound`."""
    return reader.key_of(prefix)


def in_force(reader: Reader) -> str:
    """The key that signs the next checkpoint, in hexadecimal."""
    return reader.need(RegistryFact).key


def home(reader: Reader, subject_sha256: str, device_sha256: str) -> dict[str, str] | None:
    """The oldest open row of this subject on this device, where the next record of both belongs; None: it opens one."""
    found = [(name, reader.get(RecordFact, name)) for name in reader.of_triple(subject_sha256 + device_sha256)]
    rows = [(fact.index, name) for name, fact in found if fact is not None and fact.row == name and fact.status in OPEN]
    return {"row": min(rows)[1], "subject_sha256": subject_sha256} if rows else None


def row(reader: Reader, prefix: str) -> dict[str, str]:
    """The public row whose id begins so. Raises `NotFound`."""
    identity = reader.id_of(prefix)
    fact = reader.need(RecordFact, identity)
    if fact.row != identity or fact.public_from is None or fact.status not in OPEN:
        raise NotFound("is not a public row", where=prefix[:12], fix="see the registry's site")
    return {"row": identity, "subject_sha256": fact.subject_sha256}


def requests(reader: Reader, asker: Asker | None) -> dict[str, Any]:
    """Those that an editor accepted, the asker's own, and to an editor all."""
    return {
        name: dump(one)
        for name, one in reader.all(RequestFact).items()
        if one.status in _SHOWN or (asker is not None and (asker.editor or asker.handle == one.by))
    }


def submitted(reader: Reader, asker: Asker, handle: str) -> dict[str, Any]:
    """As `repro submissions --json` has them, in two lists. Raises `NotAllowed`."""
    asker.may_see(handle)
    found = submissions.listing(reader, handle)
    failed = failures.of_operator(reader, handle)
    return {
        "known": submissions.is_known(reader, handle),
        "records": [_status(one) for one in found],
        "failures": [{"id": name, **dump(fact)} for name, fact in failed],
    }


def status(reader: Reader, asker: Asker, prefix: str) -> dict[str, Any]:
    """One record, by the beginning of its id. Raises `NotFound`, for another's too: that it is there is not public."""
    if asker.editor:
        found = submissions.of(reader, reader.id_of(prefix))
    else:
        own = {one.id: one for one in submissions.listing(reader, asker.handle) if one.id.startswith(prefix.lower())}
        found = own[prefixes.only(sorted(own), prefix, "record", "see: repro submissions")] if own else None
    if found is None:
        raise NotFound("there is no such record of yours", where=prefix[:12], fix="see: repro submissions")
    return _status(found)


def submission_of(reader: Reader, asker: Asker | None, prefix: str) -> int:
    """The entry that brought the record whose id begins so: a public one, or the asker's own. Raises `NotFound`: that another's
    is there is not public.
    """
    hidden = NotFound(
        "no public record has an id that begins so", where=prefix[:12], fix="sign the request for your own"
    )
    try:
        index = entry_of(reader, prefix)
    except BadInput:
        raise hidden from None
    line = reader.entry(index)
    data = None if line is None else reader.body(line.envelope_sha256)
    if data is None:
        raise hidden
    event = events.read(envelope.read(data, "event").payload, "event")
    if not is_public(reader, event.subject) and not (asker is not None and (asker.editor or asker.handle == event.by)):
        raise hidden
    return index


def is_public(reader: Reader, record: str) -> bool:
    """Whether an editor has accepted the record, or the run that failed, and it stands."""
    own, failed = reader.get(RecordFact, record), reader.get(FailureFact, record)
    if own is not None:
        return own.public_from is not None and own.status is Status.ACCEPTED
    return failed is not None and failed.status == "accepted"


def _status(one: submissions.Submitted) -> dict[str, Any]:
    return {**asdict(one), "words": one.words, "next": one.next}


def challenge(reader: Reader, asker: Asker, nonce: str) -> dict[str, Any]:
    """One that was issued to the asker. Raises `NotFound`."""
    found = reader.get(ChallengeFact, nonce) if HEX.fullmatch(nonce) else None
    if found is None or found.handle != asker.handle:
        raise NotFound("this registry did not issue it to you", where="challenge")
    return dump(found)


def asker_of(reader: Reader, key: str) -> tuple[Asker, Ed25519PublicKey] | None:
    """Whose key of that id it is, if it may act now: an operator's present one that was not revoked, or an editor's."""
    for handle, entry in reader.need(EditorsFact).editors.items():
        if id_of(entry.key) == key and not is_passkey(entry.key):  # a passkey signs acts, and no request
            return Asker(handle, True, key), public(entry.key)[key]
    fact = reader.get(KeyFact, key)
    if fact is None or fact.revoked_from is not None or fact.until is not None:
        return None
    operator = reader.get(OperatorFact, fact.owner)
    found = {} if operator is None else public(operator.key)
    return (Asker(fact.owner, False, key), found[key]) if key in found else None


def place(registry: Registry, record: str, submission: Any, day: Any) -> dict[str, Any]:
    """Where a record that was brought falls, in words: of a row that waits for an editor nothing is told."""
    from harness.registry.queries.active_policy import in_force
    from harness.registry.queries.secondary import beside, record_in

    row_id = str(record)
    with registry.reading() as reader:
        hub = reader.get(RecordFact, row_id)
    if hub is None or row_id == submission.id:
        return {"row": submission.id, "opens": True, "lines": []}
    if hub.status != "accepted":
        return {"row": row_id, "opens": False, "lines": ["the row itself waits for an editor"]}
    try:
        with reading(registry, [row_id]) as (reader, left_out):
            if any(one.record == row_id for one in left_out):
                return {"row": row_id, "opens": False, "lines": []}
            policy = in_force(reader).policy
            fall = falls(reader, row_id, submission.measured.measurement, policy, day)
            other = record_in(reader, row_id)
            more = [] if other is None else beside(other, submission.record, policy)
    except ReproError as error:
        return {"row": row_id, "opens": False, "lines": [f"not compared: {error.what}"]}
    lines = [f"row {row_id[:12]}: {fall.text}", *(f"  beside it, not counted: {one}" for one in more)]
    return {"row": row_id, "opens": False, "lines": [*lines, f"if approved: {fall.effect}"]}


def ready(reader: Reader) -> dict[str, Any]:
    """Entries of the log, how many a checkpoint covers and how old the newest of those is, and records that wait."""
    size, signed = reader.size(), checkpoints.newest_size(reader)
    line = reader.entry(signed - 1) if signed else None
    age = None if line is None else int((datetime.now(UTC) - datetime.fromisoformat(line.at)).total_seconds())
    return {
        "status": "ok",
        "entries": size,
        "signed": signed,
        "checkpoint_age_s": age,
        "pending": service_tables.pending(reader),
    }


def joined(reader: Reader, asker: Asker) -> None:
    """Raises `NotAllowed` for an editor who is no operator."""
    if reader.get(OperatorFact, asker.handle) is None:
        raise NotAllowed("is not an operator of this registry", where=asker.handle, fix="sign with an operator's keys")


def may_challenge(reader: Reader, asker: Asker, most: int, now: str) -> None:
    """Raises `TooMany` where the operator has that many which it may still use."""
    own = [one for one in reader.all(ChallengeFact).values() if one.handle == asker.handle and not one.used]
    if sum(one.expires > now for one in own) >= most:
        error = TooMany(
            f"{most} challenges of {asker.handle} are open already", where="challenge", fix="use them, or let them end"
        )
        error.wait_s = 3600
        raise error
