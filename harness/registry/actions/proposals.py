"""Changes that several editors must sign, while they wait for signatures: kept beside the log, and gone once it has them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from hashlib import sha256

from harness.errors import BadInput, NotFound, ReproError
from harness.record import envelope
from harness.registry.actions.drafts import ruled
from harness.registry.actions.editors import SEVERAL
from harness.registry.db import console_tables
from harness.registry.db.reader import Reader
from harness.registry.facts import EditorsFact
from harness.registry.rules import passkeys
from harness.registry.rules.base import Signed, document_of, editors_in
from harness.registry.store import Registry
from harness.tlog import event as events
from harness.tlog.event import Event

MOST = 20  # that wait at a time


@dataclass(frozen=True, slots=True)
class Proposal:
    """A change that waits."""

    sha256: str  # of its payload
    event: Event
    envelope: bytes
    signed: tuple[str, ...]  # handles of present and future editors whose signatures hold
    keys: frozenset[str]  # ids of all keys that have signed it
    missing: int  # signatures that it needs yet


def opened(reader: Reader, data: bytes) -> Proposal:
    """What the envelope proposes, and who has signed it. Raises `RecordInvalid`, or `BadInput` for an act of one editor alone."""
    sealed = envelope.read(data, "proposal")
    event = events.read(sealed.payload, "proposal")
    if event.kind not in SEVERAL:
        raise BadInput(f"is a {event.kind} event, which needs one editor only", where="proposal", fix="sign it alone")
    keys = passkeys.verifiers(event, reader)
    signed = Signed(frozenset(envelope.verify(sealed, keys, "proposal", events.PAYLOAD_TYPE)))
    lists = [reader.need(EditorsFact)]
    if event.kind == "editors-changed":
        lists.append(document_of(event.detail["editors"]))
    handles = [editors_in(one, signed) for one in lists]
    missing = max(max(one.threshold - len(own), 0) for one, own in zip(lists, handles, strict=True))
    return Proposal(
        sha256(sealed.payload).hexdigest(), event, data, tuple(sorted(set().union(*handles))), signed.keys, missing
    )


def waiting(registry: Registry) -> list[Proposal]:
    """Those that may still be signed, the oldest first."""
    with registry.reading() as reader:
        found = []
        for data in console_tables.proposals(reader).values():
            try:
                one = opened(reader, data)
                ruled(reader, one.event)
            except ReproError:  # the log, or the list of editors, has overtaken it
                continue
            found.append(one)
        return found


def one(registry: Registry, digest: str) -> Proposal:
    """By its digest. Raises `NotFound`."""
    for found in waiting(registry):
        if found.sha256 == digest:
            return found
    raise NotFound("there is no such proposal", where=digest[:12], fix="see the list of editors")


def keep(registry: Registry, data: bytes) -> Proposal:
    """Until enough editors have signed it. Raises `BadInput` where too many wait."""
    others = [one.sha256 for one in waiting(registry)]
    with registry.counting() as reader:
        found = opened(reader, data)
        for digest in console_tables.proposals(reader):
            if digest not in others:
                console_tables.drop_proposal(reader, digest)
        if found.sha256 not in others and len(others) >= MOST:
            raise BadInput(f"{MOST} proposals wait already", where="proposal", fix="sign or drop one of them first")
        console_tables.keep_proposal(reader, found.sha256, data, int(time.time()))
    return found


def drop(registry: Registry, digest: str) -> None:
    """It waits no more: it is in the log, or an editor wants it no more."""
    with registry.counting() as reader:
        console_tables.drop_proposal(reader, digest)
