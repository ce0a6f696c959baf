"""Requests for a measurement: pending → accepted → claimed → measured, with their side exits."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.registry.rules.base import Fact, Place, Signed, View, editor_of, known, operator_of, refuse_unless
from harness.tlog.event import HEX, Event

# kind → (states before, state after, whether an editor decides). "measured" comes with an approved record, never by an event.
_MOVES = {
    "request-accepted": (("pending",), "accepted", True),
    "request-rejected": (("pending",), "rejected", True),
    "request-marked-duplicate": (("pending", "accepted"), "duplicate", True),
    "request-archived": (("pending", "accepted", "claimed"), "archived", True),
    "request-revived": (("archived",), "pending", True),
    "request-claimed": (("accepted",), "claimed", False),
    "request-released": (("claimed",), "accepted", False),
}
TEXT_LIMIT = 200
MOST_CLAIMS = 5  # that one operator holds at a time: a claim keeps others from measuring


def new(event: Event, signed: Signed, place: Place, view: View) -> list[Fact]:
    """Any operator asks."""
    operator_of(view, event.by, signed)
    refuse_unless(HEX.fullmatch(event.subject) is not None, "has no proper id", "request")
    refuse_unless(view.get("request", event.subject) is None, "is known already", "request")
    detail = event.detail
    for name, text in detail.items():
        refuse_unless(0 < len(text) <= TEXT_LIMIT and text.isprintable(), f"its {name} is empty or too long", "request")
    value = {
        **detail,
        "status": "pending",
        "by": event.by,
        "why": event.reason,
        "claimed_by": "",
        "of": "",
        "record": "",
        "public_from": None,  # the entry that first accepted it
    }
    return [("request", event.subject, {**value, "since": place.at})]


def moved(event: Event, signed: Signed, place: Place, view: View) -> list[Fact]:
    """From one state to the next. A claim is a soft lock: its holder or an editor lets go of it."""
    before, after, editorial = _MOVES[event.kind]
    request = known(view, "request", event.subject)
    refuse_unless(
        request["status"] in before, f"the request is {request['status']}", "request", f"it must be {before[0]}"
    )
    change: dict[str, Any] = {"status": after, "claimed_by": "", "since": place.at}
    if editorial:
        editor_of(view, event, signed, place)
        change["why"] = event.reason
    elif event.kind == "request-claimed":
        operator_of(view, event.by, signed)
        held = claims(view, event.by)
        refuse_unless(
            len(held) < MOST_CLAIMS,
            f"{event.by} holds {len(held)} requests already",
            "request",
            "measure one, or let go of one: repro request release",
        )
        change["claimed_by"] = event.by
        return [("request", event.subject, {**request, **change}), _claims(event.by, [*held, event.subject])]
    elif request["claimed_by"] == event.by and signed.by(known(view, "operator", event.by)["key"]):
        operator_of(view, event.by, signed)
    else:
        editor_of(view, event, signed, place)
    if event.kind == "request-accepted" and request["public_from"] is None:
        change["public_from"] = place.index
    if event.kind == "request-marked-duplicate":
        known(view, "request", event.detail["of"])
        change["of"] = event.detail["of"]
    return [("request", event.subject, {**request, **change}), *let_go(view, event.subject, request)]


def claims(view: View, handle: str) -> list[str]:
    """The requests that an operator has claimed and neither answered nor let go."""
    return list((view.get("claims", handle) or {"open": []})["open"])


def let_go(view: View, name: str, request: Mapping[str, Any]) -> list[Fact]:
    """What its holder has left, where a request was claimed."""
    handle = request["claimed_by"]
    return [_claims(handle, [one for one in claims(view, handle) if one != name])] if handle else []


def _claims(handle: str, held: Sequence[str]) -> Fact:
    return "claims", handle, {"open": sorted(held)}


RULES: dict[str, Callable[[Event, Signed, Place, View], list[Fact]]] = {
    "request-opened": new,
    **dict.fromkeys(_MOVES, moved),
}
