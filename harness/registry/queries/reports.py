"""Reports of rows, and which rows they freeze: two verified operators who are two persons, until an editor closes them.

A frozen row is shown as under review, and keeps its tier: it is scored with the records that were accepted when the second
report came, as on that day, beside the runtime series that were known then. What editors do to the row's own record, to operators
or to the policy holds at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from harness.registry.db.elsewhere import Elsewhere
from harness.registry.db.reader import Reader
from harness.registry.facts import OperatorFact, RecordFact, RowReport, RowReportsFact
from harness.registry.queries import rows
from harness.registry.rules.reports import is_open
from harness.tiers.values import Measurement, Row, Status

ENOUGH = 2  # verified persons


@dataclass(frozen=True, slots=True)
class Frozen:
    """A row under review."""

    since: int  # the entry that froze it
    day: str  # YYYY-MM-DD of it
    members: frozenset[str]  # records that were accepted in it then


@dataclass(frozen=True, slots=True)
class Told:
    """One report, as it is listed."""

    row: str
    by: str
    why: str
    entry: int
    at: str
    status: str  # open, withdrawn, closed
    answer: str  # an editor's, where it is closed
    freezes: bool  # the row is under review


def frozen(reader: Reader) -> dict[str, Frozen]:
    """Row → since when it is under review."""
    found = {row: _frozen(reader, fact) for row, fact in reader.all(RowReportsFact).items()}
    return {row: one for row, one in found.items() if one is not None}


def frozen_row(reader: Reader, row: str) -> Frozen | None:
    """Of one row; None where it is not under review."""
    fact = reader.get(RowReportsFact, row)
    return None if fact is None else _frozen(reader, fact)


def _frozen(reader: Reader, fact: RowReportsFact) -> Frozen | None:
    counted = [one for one in fact.reports if is_open(one) and _verified(reader, one.by)]
    if len(counted) < ENOUGH:
        return None
    persons = rows.people(reader, [one.by for one in counted])
    seen: set[str] = set()
    for one in sorted(counted, key=lambda report: report.entry):
        seen.add(persons.get(one.by, one.by))
        if len(seen) == ENOUGH:
            return Frozen(one.entry, one.at[:10], frozenset(one.members))
    return None


def _verified(reader: Reader, handle: str) -> bool:
    operator = reader.get(OperatorFact, handle)
    return operator is not None and operator.verified


def held(reader: Reader, row: Row, one: Frozen | None, as_of: date) -> tuple[Row, date]:
    """The row as it is scored, and the day: as they are, unless it is frozen."""
    if one is None:
        return row, as_of
    newer = rows.newer_series(reader, one.since)

    def then(measured: Measurement) -> Measurement:
        return replace(
            measured, series_behind=newer.get((measured.subject.engine, measured.hardware.runtime_series), 0)
        )

    others = tuple(replace(then(other), status=_then(reader, other, one)) for other in row.others)
    return Row(then(row.hub), others), min(as_of, date.fromisoformat(one.day))


def _then(reader: Reader, one: Measurement, now: Frozen) -> Status:
    """What the record was when the row froze; one whose bytes are gone, or whose key was revoked since, counts no more."""
    if one.id not in now.members:
        return Status.PENDING if one.status is Status.ACCEPTED else one.status
    fact = reader.get(RecordFact, one.id)
    return one.status if fact is None or fact.dropped or fact.revoked else Status.ACCEPTED


def listed(reader: Reader) -> list[Told]:
    """All that the log has, the newest first; of each operator and row the last one."""
    if isinstance(reader, Elsewhere):
        return reader.reports()
    now: Mapping[str, Frozen] = frozen(reader)
    found = [
        _told(row, one, fact.answer, row in now)
        for row, fact in reader.all(RowReportsFact).items()
        for one in fact.reports
    ]
    return sorted(found, key=lambda told: -told.entry)


def _told(row: str, one: RowReport, answer: str, freezes: bool) -> Told:
    status = "withdrawn" if one.withdrawn else "open" if one.closed is None else "closed"
    return Told(row, one.by, one.why, one.entry, one.at, status, answer if status == "closed" else "", freezes)


def seen_by(reader: Reader, handle: str, *, editor: bool) -> list[Told]:
    """An operator's own; to an editor all."""
    return [one for one in listed(reader) if editor or one.by == handle]
