"""Reports of rows: an operator asks editors to look at one, may withdraw that, and an editor closes what was reported. Pure."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from harness.names import says_something
from harness.registry.facts import Named, OpenReportsFact, RecordFact, RowReport, RowReportsFact
from harness.registry.rules.base import Place, Signed, View, editor_of, known, newest, operator_of, refuse_unless
from harness.registry.rules.triples import OPEN
from harness.tlog.event import Event

MOST_OPEN = 5  # of one operator
AGAIN = timedelta(days=30)  # after which an operator may report a row again that an editor has closed


def is_open(one: RowReport) -> bool:
    """Whether editors still have to look at it."""
    return not one.withdrawn and one.closed is None


def reported(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """Any operator, with a reason, of a row that is public."""
    operator_of(view, event.by, signed)
    refuse_unless(says_something(event.reason), "a report needs a reason", "reason", "add --reason TEXT; it is public")
    row = known(view, RecordFact, event.subject)
    public = row.row == event.subject and row.public_from is not None and row.status in OPEN
    refuse_unless(public, "is not a public row", event.subject[:12], "name a row of the registry's site")
    fact = _of_row(view, event.subject)
    for one in fact.reports:
        if one.by == event.by and not one.withdrawn:
            refuse_unless(not is_open(one), "you have reported it already", event.subject[:12], "wait for an editor")
            age = datetime.fromisoformat(place.at) - datetime.fromisoformat(one.at)
            refuse_unless(
                age >= AGAIN,
                f"an editor closed your report of {one.at[:10]} of this row",
                event.subject[:12],
                f"it can be reported again {AGAIN.days} days after that",
            )
    held = _open(view, event.by)
    refuse_unless(
        len(held) < MOST_OPEN,
        f"{event.by} has {len(held)} open reports",
        "report",
        "withdraw one: repro row-report withdraw ROW",
    )
    new = RowReport(event.by, event.reason, place.index, place.at, tuple(view.accepted_in(event.subject)))
    kept = tuple(one for one in fact.reports if one.by != event.by)  # of each operator the newest: the log has all
    act = newest(event, place, view)
    return [(event.subject, replace(fact, reports=(*kept, new))), _opened(event.by, (*held, event.subject)), act]


def withdrawn(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """Its operator takes it back."""
    operator_of(view, event.by, signed)
    fact = _of_row(view, event.subject)
    own = [one for one in fact.reports if one.by == event.by and is_open(one)]
    refuse_unless(bool(own), "you have no open report of it", event.subject[:12], "see: repro row-report list")
    reports = tuple(replace(one, withdrawn=True) if one in own else one for one in fact.reports)
    held = tuple(row for row in _open(view, event.by) if row != event.subject)
    act = newest(event, place, view)
    return [(event.subject, replace(fact, reports=reports)), _opened(event.by, held), act]


def closed(event: Event, signed: Signed, place: Place, view: View) -> list[Named]:
    """An editor has looked: the reports that the editor had seen when signing are closed. The rest is decided on records."""
    editor_of(view, event, signed, place)
    fact = _of_row(view, event.subject)
    seen = [one for one in fact.reports if is_open(one) and one.entry < event.after]
    refuse_unless(bool(seen), "no report of it is open", event.subject[:12], "see: repro row-report list")
    reports = tuple(replace(one, closed=place.index) if one in seen else one for one in fact.reports)
    facts: list[Named] = [(event.subject, replace(fact, reports=reports, answer=event.reason))]
    for one in seen:
        facts.append(_opened(one.by, tuple(row for row in _open(view, one.by) if row != event.subject)))
    return facts


def _open(view: View, handle: str) -> tuple[str, ...]:
    found = view.get(OpenReportsFact, handle)
    return () if found is None else found.rows


def _of_row(view: View, row: str) -> RowReportsFact:
    return view.get(RowReportsFact, row) or RowReportsFact(())


def _opened(handle: str, rows: tuple[str, ...]) -> Named:
    return handle, OpenReportsFact(tuple(sorted(rows)))


RULES = {"row-reported": reported, "report-withdrawn": withdrawn, "reports-closed": closed}
