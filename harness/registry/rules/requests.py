"""Requests for a measurement: pending → accepted → claimed → measured, with their side exits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from harness.registry.facts import ClaimsFact, Named, OperatorFact, RequestFact, RequestStatus
from harness.registry.rules.base import Place, Signed, View, editor_of, known, newest, operator_of, refuse_unless
from harness.tlog.event import HEX, Event

# kind → (states before, state after, whether an editor decides). "measured" comes with an approved record, never by an event.
_PENDING, _ACCEPTED, _CLAIMED = RequestStatus.PENDING, RequestStatus.ACCEPTED, RequestStatus.CLAIMED
_MOVES: dict[str, tuple[tuple[RequestStatus, ...], RequestStatus, bool]] = {
    "request-accepted": ((_PENDING,), _ACCEPTED, True),
    "request-rejected": ((_PENDING,), RequestStatus.REJECTED, True),
    "request-marked-duplicate": ((_PENDING, _ACCEPTED), RequestStatus.DUPLICATE, True),
    "request-archived": ((_PENDING, _ACCEPTED, _CLAIMED), RequestStatus.ARCHIVED, True),
    "request-revived": ((RequestStatus.ARCHIVED,), _PENDING, True),
    "request-claimed": ((_ACCEPTED,), _CLAIMED, False),
    "request-released": ((_CLAIMED,), _ACCEPTED, False),
}
TEXT_LIMIT = 200
MOST_CLAIMS = 5  # that one operator holds at a time: a claim keeps others from measuring


def new(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """Any operator asks."""
    operator_of(view, event.by, signed)
    refuse_unless(HEX.fullmatch(event.subject) is not None, "has no proper id", "request")
    refuse_unless(view.get(RequestFact, event.subject) is None, "is known already", "request")
    detail = event.detail
    for name, text in detail.items():
        refuse_unless(0 < len(text) <= TEXT_LIMIT and text.isprintable(), f"its {name} is empty or too long", "request")
    fact = RequestFact(
        hardware=detail["hardware"],
        model=detail["model"],
        runtime=detail["runtime"],
        status=RequestStatus.PENDING,
        by=event.by,
        why=event.reason,
        claimed_by="",
        of="",
        record="",
        public_from=None,
        since=place.at,
    )
    return [(event.subject, fact)]


def moved(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """From one state to the next. A claim is a soft lock: its holder or an editor lets go of it."""
    before, after, editorial = _MOVES[event.kind]
    request = known(view, RequestFact, event.subject)
    refuse_unless(request.status in before, f"the request is {request.status}", "request", f"it must be {before[0]}")
    changed = replace(request, status=after, claimed_by="", since=place.at)
    if editorial:
        editor_of(view, event, signed, place)
        changed = replace(changed, why=event.reason)
    elif event.kind == "request-claimed":
        operator_of(view, event.by, signed)
        held = claims(view, event.by)
        refuse_unless(
            len(held) < MOST_CLAIMS,
            f"{event.by} holds {len(held)} requests already",
            "request",
            "measure one, or let go of one: repro request release",
        )
        claimed = (event.subject, replace(changed, claimed_by=event.by))
        return [
            claimed,
            _claims(event.by, [*held, event.subject]),
            newest(event, place, view),
        ]
    elif request.claimed_by == event.by and signed.by(known(view, OperatorFact, event.by).key):
        operator_of(view, event.by, signed)
    else:
        editor_of(view, event, signed, place)
    if event.kind == "request-accepted" and request.public_from is None:
        changed = replace(changed, public_from=place.index)
    if event.kind == "request-marked-duplicate":
        known(view, RequestFact, event.detail["of"])
        changed = replace(changed, of=event.detail["of"])
    act = newest(event, place, view)
    return [(event.subject, changed), *let_go(view, event.subject, request), act]


def claims(view: View, handle: str) -> list[str]:
    """The requests that an operator has claimed and neither answered nor let go."""
    found = view.get(ClaimsFact, handle)
    return [] if found is None else list(found.open)


def let_go(view: View, name: str, request: RequestFact) -> list[Named]:
    """What its holder has left, where a request was claimed."""
    handle = request.claimed_by
    return [_claims(handle, [one for one in claims(view, handle) if one != name])] if handle else []


def _claims(handle: str, held: Sequence[str]) -> Named:
    return handle, ClaimsFact(tuple(sorted(held)))


RULES: dict[str, Callable[[Event, Signed, Place, View], list[Named]]] = {
    "request-opened": new,
    **dict.fromkeys(_MOVES, moved),
}
