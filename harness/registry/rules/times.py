"""Who may set a log's time: entries of operators stay near the last act of an editor or registry (docs/decisions/0036). Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from harness.registry.facts import ClockFact, EditorsFact, Named, RegistryFact
from harness.registry.rules.base import Place, Signed, View, editors_in, refuse_unless
from harness.tlog.event import Event

SKEW = timedelta(minutes=5)  # by which one machine's clock may run ahead of another's
EARLIEST = datetime.fromisoformat("2026-11-01T00:00:00Z")  # the month of this program's first commit: no log is older
FIRST_RUN = datetime.fromisoformat(
    "2017-06-01T00:00:00Z"
)  # no transformer is older; who began before EARLIEST is shown
MOST_AHEAD = timedelta(days=30)  # of anybody's entry after the last one that an editor or the registry signed
MOST_QUIET = timedelta(days=400)  # of an editor's or the registry's own entry after that one
LONGEST_LIST = timedelta(days=3653)  # of a list of editors that opens a log again after a longer silence


def keeps_time(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """The log's clock after this event, where an editor or the registry signed it. Raises `BadInput` for another time."""
    now, said = datetime.fromisoformat(place.at), datetime.fromisoformat(event.at)
    refuse_unless(
        min(now, said) >= EARLIEST,
        f"is dated {min(place.at, event.at)}, before any registry existed",
        "time",
        "set the machine's clock",
    )
    refuse_unless(
        said <= now + SKEW,
        f"was signed at {event.at}, after the entry's own time, {place.at}",
        "time",
        "set the clock of the machine that signed it",
    )
    document, registry, clock = view.get(EditorsFact, ""), view.get(RegistryFact, ""), view.get(ClockFact, "")
    if document is None or registry is None:  # the first entry: its editors sign it
        return [_clock(place)]
    last = datetime.fromisoformat(registry.created if clock is None else clock.at)
    if not (editors_in(document, signed) or signed.by(registry.key)):
        refuse_unless(
            now <= last + MOST_AHEAD,
            f"is dated {place.at}, {_days(now - last)} after the last act of an editor or the registry",
            "time",
            f"check the machine's clock; after {MOST_AHEAD.days} days without such an act ask an editor for one",
        )
        return []
    refuse_unless(
        now <= last + MOST_QUIET or _names_the_day(event, now),
        f"is dated {place.at}, {_days(now - last)} after the last act of an editor or the registry",
        "time",
        f"check the machine's clock; after more than {MOST_QUIET.days} quiet days a new list of editors opens the log: "
        "repro registry editors",
    )
    return [_clock(place)]


def withheld(place: Place) -> list[Named]:
    """After an entry whose event is not told: an editor may have signed it, so that it may have set the clock."""
    return [_clock(place)]


def _clock(place: Place) -> Named:
    return "", ClockFact(place.at, place.index)


def _names_the_day(event: Event, now: datetime) -> bool:
    """Whether the event is a list of editors that says by its own last day that it is signed about now."""
    if event.kind != "editors-changed":
        return False
    document: Mapping[str, Any] = event.detail["editors"]
    end = document.get("expires")
    latest = (now + LONGEST_LIST).date().isoformat()
    return isinstance(end, str) and now.date().isoformat() <= end <= latest


def _days(length: timedelta) -> str:
    return f"{length.days} days"
