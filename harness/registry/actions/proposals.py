"""Changes that several editors must sign, while they wait for signatures: kept beside the log, and gone once it has them.

Nobody can drop one: it ends when the log has it or has overtaken it, after `WAITS_S`, or for a newer one of who proposed it.
Else one editor, or a thief with an editor's session, could keep every change of several from being signed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
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

WAITS_S = 14 * 86_400
MOST_OF_ONE = 3  # of one editor: the next takes the place of the oldest of them


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


def waiting(registry: Registry, now_s: int | None = None) -> list[Proposal]:
    """Those that may still be signed, the oldest first."""
    with registry.reading() as reader:
        return _waiting(reader, _now(now_s))


def one(registry: Registry, digest: str) -> Proposal:
    """By its digest. Raises `NotFound`."""
    for found in waiting(registry):
        if found.sha256 == digest:
            return found
    raise NotFound("there is no such proposal", where=digest[:12], fix="see the list of editors")


def keep(registry: Registry, data: bytes, now_s: int | None = None) -> Proposal:
    """Until enough editors have signed it: with the signatures that are there already, which may then be enough."""
    now = _now(now_s)
    with registry.counting() as reader:
        found = opened(reader, data)
        others = _waiting(reader, now)
        known = next((one for one in others if one.sha256 == found.sha256), None)
        if known is not None:
            found = opened(reader, _merged(known.envelope, data))
        console_tables.keep_proposal(reader, found.sha256, found.envelope, now)
        own = [one.sha256 for one in others if one.event.by == found.event.by and one.sha256 != found.sha256]
        displaced = own[: max(len(own) + 1 - MOST_OF_ONE, 0)]
        kept = {one.sha256 for one in others} - set(displaced) | {found.sha256}
        console_tables.keep_proposals(reader, kept)
    return found


def taken(registry: Registry, digest: str) -> None:
    """It waits no more: it is in the log."""
    with registry.counting() as reader:
        console_tables.drop_proposal(reader, digest)


def _waiting(reader: Reader, now: int) -> list[Proposal]:
    found = []
    for data in console_tables.proposals(reader, now - WAITS_S).values():
        try:
            one = opened(reader, data)
            ruled(reader, one.event)
        except ReproError:  # the log, or the list of editors, has overtaken it
            continue
        found.append(one)
    return found


def _merged(known: bytes, data: bytes) -> bytes:
    """Two envelopes of one payload as one: of two editors who sign at once neither undoes the other's signature."""
    first, second = envelope.read(known, "proposal"), envelope.read(data, "proposal")
    there = {one.keyid for one in second.signatures}
    return replace(
        second, signatures=(*(one for one in first.signatures if one.keyid not in there), *second.signatures)
    ).to_bytes()


def _now(now_s: int | None) -> int:
    return int(time.time()) if now_s is None else now_s
