"""Leases: which machine of which operator measures a request now. They lie beside the log: what they say is forgotten.

A lease keeps two machines from measuring one request at the same time, and nothing else: whoever measured it may submit its
record. All is decided in the writer's turn: two that ask at once are two decisions.
"""

from __future__ import annotations

import time
from dataclasses import replace

from harness.errors import BadInput, Conflict, NotFound, TooMany
from harness.measure.plural import count
from harness.registry.db import leases
from harness.registry.db.leases import Held as Held
from harness.registry.db.reader import Reader
from harness.registry.facts import RecordFact, RequestFact, RequestStatus
from harness.registry.store import Registry
from harness.tlog.event import HEX

SHORTEST_S, LONGEST_S = 600, 3600  # that one call may ask for
WHOLE_S = 24 * 3600  # after which no lease is renewed
MOST_HELD = 5  # by one operator at a time, as with claims
MOST_TAKEN = 3  # of one request by one operator: then a person looks
_KEPT_S = 30 * 24 * 3600  # how long it is remembered who took what


def take(registry: Registry, operator: str, request: str, lease: str, for_s: int, now_s: int | None = None) -> Held:
    """Take a request for so many seconds. The caller draws the lease's number: the same call again is the same lease.

    Raises `NotFound`, `Conflict` where somebody else has it or it is answered, `TooMany`.
    """
    now = _now(now_s)
    if HEX.fullmatch(lease) is None:
        raise BadInput("must be 64 hexadecimal digits", where="lease", fix="draw 32 random bytes")
    _refuse_length(for_s)
    with registry.counting() as reader:
        leases.forget(reader, now - _KEPT_S)
        known = leases.named(reader, lease)
        if known is not None and (known.operator, known.request) != (operator, request):
            raise Conflict("is taken", where="lease", fix="draw another number")
        _open_to(reader, operator, request)
        _free(reader, request, lease, now)
        if known is not None and known.until_s:
            return _renewed(reader, known, for_s, now)
        own = leases.of_operator(reader, operator)
        _refuse_many(own, now)
        if known is not None:  # it was given back, in quiet hours perhaps, and goes on: not another try
            made = replace(known, began_s=now, until_s=now + for_s)
            leases.put(reader, made)
            return made
        earlier = next((one for one in own if one.request == request), None)
        taken = earlier.taken if earlier is not None else 0
        if taken >= MOST_TAKEN:
            what = f"was taken {count(taken, 'time')} by {operator} and not answered"
            raise Conflict(what, where="request", fix="measure it by hand, or leave it to others")
        made = Held(request, operator, lease, now, now + for_s, taken + 1)
        leases.put(reader, made)
        return made


def renew(registry: Registry, operator: str, lease: str, for_s: int, now_s: int | None = None) -> Held:
    """It ends that many seconds from now. One that ended is renewed, too, as long as nobody else took the request.

    Raises `NotFound`, `Conflict` where it can't be held any longer.
    """
    now = _now(now_s)
    _refuse_length(for_s)
    with registry.counting() as reader:
        found = _own(reader, operator, lease)
        if not found.until_s:
            raise Conflict("was given back", where="lease", fix="take the request again")
        _open_to(reader, operator, found.request)
        _free(reader, found.request, lease, now)
        return _renewed(reader, found, for_s, now)


def release(registry: Registry, operator: str, lease: str) -> Held:
    """Give it back; others may take the request at once. Raises `NotFound`."""
    with registry.counting() as reader:
        found = _own(reader, operator, lease)
        leases.set_end(reader, lease, 0)
        return replace(found, until_s=0)


def finish(registry: Registry, operator: str, lease: str, record: str) -> Held:
    """The record answers the request: it is in the log already. Raises `NotFound`, `Conflict` where it is not."""
    with registry.counting() as reader:
        found = _own(reader, operator, lease)
        fact = reader.get(RecordFact, record) if HEX.fullmatch(record) else None
        if fact is None or (fact.operator, fact.request) != (operator, found.request):
            raise Conflict(
                "must be a record of yours that was submitted for this request", where="record", fix="submit it first"
            )
        leases.set_end(reader, lease, 0)
        return replace(found, until_s=0)


def _renewed(reader: Reader, found: Held, for_s: int, now: int) -> Held:
    if now >= found.began_s + WHOLE_S:
        raise Conflict("has lasted for a day", where="lease", fix="let others try, or measure it by hand")
    until = min(now + for_s, found.began_s + WHOLE_S)
    leases.set_end(reader, found.lease, until)
    return replace(found, until_s=until)


def _own(reader: Reader, operator: str, lease: str) -> Held:
    found = leases.named(reader, lease) if HEX.fullmatch(lease) else None
    if found is None or found.operator != operator:
        raise NotFound("there is no such lease of yours", where="lease", fix="take the request again")
    return found


def _open_to(reader: Reader, operator: str, request: str) -> None:
    """Raises unless the request waits for a measurement, by this operator or anybody."""
    fact = reader.get(RequestFact, request) if HEX.fullmatch(request) else None
    if fact is None or fact.status is RequestStatus.PENDING:  # what no editor has accepted is not everybody's to know
        raise NotFound("there is no such request", where="request", fix="see: repro request list")
    if fact.status is RequestStatus.CLAIMED and fact.claimed_by != operator:
        raise Conflict(f"{fact.claimed_by} has claimed the request", where="request", fix="take another one")
    if fact.status not in (RequestStatus.ACCEPTED, RequestStatus.CLAIMED):
        raise Conflict(f"the request is {fact.status}", where="request", fix="take another one")
    if leases.answered(reader, [request]):
        raise Conflict("a record that answers it waits for an editor", where="request", fix="take another one")


def _free(reader: Reader, request: str, lease: str, now: int) -> None:
    others = [one for one in leases.of_request(reader, request) if one.lease != lease and one.until_s > now]
    if others:
        raise Conflict("another machine measures it", where="request", fix="take another one")


def _refuse_many(own: list[Held], now: int) -> None:
    held = sum(one.until_s > now for one in own)
    if held >= MOST_HELD:
        error = TooMany(f"{held} requests are held already", where="request", fix="measure one, or give one back")
        error.wait_s = SHORTEST_S
        raise error


def _refuse_length(for_s: int) -> None:
    if not SHORTEST_S <= for_s <= LONGEST_S:
        raise BadInput(f"must be between {SHORTEST_S} and {LONGEST_S}", where="for_s", fix="ask for ten minutes")


def _now(now_s: int | None) -> int:
    return int(time.time()) if now_s is None else now_s
