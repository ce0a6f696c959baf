"""Limits of operators: what everybody has, and what an editor raises for one of them, until a day. Pure."""

from __future__ import annotations

from datetime import date, timedelta

from harness.registry.facts import LimitsFact, Named, OperatorFact, is_day
from harness.registry.rules.base import Place, Signed, View, editor_of, known, newest, refuse_unless
from harness.tlog.event import Event

EVENTS_PER_HOUR, EVENTS_PER_DAY = 60, 200  # from one key
PENDING_RECORDS = 5  # of a handle that has none accepted
MOST = {"events_per_hour": 10_000, "events_per_day": 100_000, "pending_records": 10_000}
_LEAST = {"events_per_hour": EVENTS_PER_HOUR, "events_per_day": EVENTS_PER_DAY, "pending_records": PENDING_RECORDS}
LONGEST = timedelta(days=366)


def raised(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """From here on and through the last day; the newest such event counts."""
    editor_of(view, event, signed, place)
    known(view, OperatorFact, event.subject)
    detail = event.detail
    for name, least in _LEAST.items():
        refuse_unless(
            least <= detail[name] <= MOST[name],
            f"its {name} is {detail[name]}",
            "limits",
            f"it must be from {least} to {MOST[name]}",
        )
    today, last = date.fromisoformat(place.at[:10]), detail["until"]
    refuse_unless(is_day(last), "its last day must be a day", "limits", "write YYYY-MM-DD")
    refuse_unless(
        today <= date.fromisoformat(last) <= today + LONGEST,
        f"its last day is {last}",
        "limits",
        f"it must be from {today} to {today + LONGEST}",
    )
    numbers = (detail["events_per_hour"], detail["events_per_day"], detail["pending_records"])
    fact = LimitsFact(*numbers, until=last, by=event.by, why=event.reason)
    return [(event.subject, fact), newest(event, place, view)]


def ended(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """From here on the operator has what everybody has."""
    editor_of(view, event, signed, place)
    found = view.get(LimitsFact, event.subject)
    usual = (EVENTS_PER_HOUR, EVENTS_PER_DAY, PENDING_RECORDS)
    good = (
        found is not None
        and found.until >= place.at[:10]
        and usual != (found.events_per_hour, found.events_per_day, found.pending_records)
    )
    refuse_unless(good, f"no limit of {event.subject} is raised", "limits", "nothing is to be done")
    fact = LimitsFact(*usual, until=place.at[:10], by=event.by, why=event.reason)
    return [(event.subject, fact), newest(event, place, view)]


RULES = {"limits-raised": raised, "limits-ended": ended}
