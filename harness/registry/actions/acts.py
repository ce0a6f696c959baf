"""Acts of people at a registry: an event made for the log as it is now, signed, and appended."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.errors import BadInput, ReproError
from harness.registry.db.reader import Reader
from harness.registry.db.transaction import Item as Item
from harness.registry.db.transaction import Taken as Taken
from harness.registry.facts import OperatorFact, RegistryFact
from harness.registry.intake.ingest import Submission
from harness.registry.intake.projection import device_digest, differing, earlier_digest, parts_of, subject_digest
from harness.registry.store import Registry
from harness.tlog.event import Event


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a handle, and the keys that sign."""

    handle: str
    keys: tuple[Ed25519PrivateKey, ...]


def utc(now: datetime | None = None) -> str:
    """A time as events and entries write it; now unless given."""
    return (now or datetime.now(UTC)).strftime("%Y-%m-%dT%H:%M:%SZ")


def event(
    reader: Reader, actor: Actor, kind: str, subject: str, *, reason: str = "", detail: Mapping[str, Any] | None = None
) -> Event:
    """The event on the log that the reader sees, not signed yet. Raises `BadInput` where there is no registry."""
    registry = reader.get(RegistryFact, "")
    if registry is None:
        raise BadInput("there is no registry", where="--registry", fix="make one: repro registry new")
    size = reader.size()
    head = reader.head(size) or ""
    return Event(kind, registry.origin, actor.handle, utc(), subject, reason, size, head, dict(detail or {}))


def act(
    registry: Registry,
    actor: Actor,
    kind: str,
    subject: str,
    *,
    reason: str = "",
    detail: Mapping[str, Any] | None = None,
    first: Sequence[Item] = (),
) -> Taken:
    """Sign it and append it, after `first`: all of it, or nothing. Raises why it may not be."""
    with registry.reading() as reader:
        made = event(reader, actor, kind, subject, reason=reason, detail=detail)
    return registry.append_all([*first, Item(made.signed(actor.keys).to_bytes())], utc())[-1]


def join(registry: Registry, actor: Actor, operator_key: str, next_key_sha256: str) -> None:
    """Make the operator known, once. Raises `BadInput` where the handle is somebody else's."""
    with registry.reading() as reader:
        known = reader.get(OperatorFact, actor.handle)
    if known is None:
        detail = {"operator_key": operator_key, "next_key_sha256": next_key_sha256}
        act(registry, actor, "operator-joined", actor.handle, detail=detail)
    elif known.key != operator_key:
        raise BadInput(
            f"the registry knows {actor.handle} by another key",
            where=actor.handle,
            fix="rotated keys: repro operator rotate; else make keys with another handle",
        )


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator says beside the record."""

    row: str = ""  # the row that it reproduces; "" where the registry is to find it
    idempotency: str = ""
    request: str = ""


def home(reader: Reader, found: Submission, wish: Wish) -> str:
    """The id of the row where the record belongs: the named one, the registry's of the same subject and device, or its own."""
    if wish.row:
        return reader.id_of(wish.row)
    one = found.measured.measurement
    return reader.row_for(parts_of(one.subject), one.hardware.sku) or found.id


def submission(reader: Reader, actor: Actor, found: Submission, wish: Wish, note: bytes | None = None) -> Item:
    """A record's event, signed, with the record and its device note."""
    claims = found.claims
    row = home(reader, found, wish)
    detail = {
        "envelope_sha256": sha256(found.envelope).hexdigest(),
        "samples_sha256": claims.samples_sha256,
        "subject_sha256": _named(reader, found, row),
        "device_sha256": device_digest(found.measured.measurement.hardware.sku),
        "row": row,
        "operator_key": claims.operator_key,
        "rig_key": claims.rig_key,
        "started": claims.started,
        "finished": claims.finished,
        "idempotency": wish.idempotency or found.id,
        "challenge": claims.challenge,
        "request": wish.request,
    }
    made = event(reader, actor, "record-submitted", found.id, detail=detail)
    return Item(made.signed(actor.keys).to_bytes(), found, note=note)


def _named(reader: Reader, found: Submission, row: str) -> str:
    """The subject's digest as the row names it. Raises `BadInput` where the row is of another subject, naming what differs."""
    subject = found.measured.measurement.subject
    if row == found.id:
        return subject_digest(subject)
    theirs = reader.subject_of(row)
    apart = [] if theirs is None else differing(subject, theirs)
    if apart:
        raise BadInput(
            f"differs from the row in {', '.join(apart)}", where=found.id[:12], fix="submit it as a row of its own"
        )
    earlier = earlier_digest(subject)
    return earlier if reader.names_subject(row) == earlier else subject_digest(subject)


def submit(
    registry: Registry,
    actor: Actor,
    found: Submission,
    wish: Wish | None = None,
    first: Sequence[Item] = (),
    note: bytes | None = None,
) -> Taken | None:
    """Put the record into the queue, after `first`: all of it, or nothing; None where the very same one is there already.

    Raises why it may not be.
    """
    with registry.reading() as reader:
        if reader.submitter(found.id) == actor.handle:
            return None
        item = submission(reader, actor, found, wish or Wish(), note)
    return registry.append_all([*first, item], utc())[-1]


def challenge(
    registry: Registry, key: Ed25519PrivateKey, handle: str, days: int, may: Callable[[Reader], None] | None = None
) -> tuple[str, str]:
    """Issue a single-use number to an operator: (number, UTC time of its end). `may` raises why not, in the same transaction."""
    nonce, ends = secrets.token_hex(32), utc(datetime.now(UTC) + timedelta(days=days))
    actor, detail = Actor("registry", (key,)), {"handle": handle, "expires": ends}
    with registry.reading() as reader:
        made = event(reader, actor, "challenge-issued", nonce, detail=detail)
    item = Item(made.signed(actor.keys).to_bytes())
    (taken,) = registry.append([item], utc(), None if may is None else lambda reader, *_: may(reader))
    if isinstance(taken, ReproError):
        raise taken
    return nonce, ends
