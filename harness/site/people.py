"""Operators: a list of those who have something public, and a page each. Nothing of a record that is not public, not even its
operator's handle. Which records are public, other modules ask here, too.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from sqlalchemy import Select, and_, case, func, select

from harness.hub import entry, rows, tables
from harness.hub.columns import COLUMNS, measurement
from harness.hub.reader import Reader, raw
from harness.site import addresses
from harness.site.render import page
from harness.site.values import File, Site, Summary
from harness.tiers.values import Mark, Measurement
from harness.tiers.verdict import Judged, judge

PAGE = 500  # operators a page
_CHUNK = 500  # values in one question: SQLite takes 32,766

OWN, HUB = tables.records.alias("own"), tables.records.alias("hub")
_ROW = and_(HUB.c.row == OWN.c.row, HUB.c.id == OWN.c.row)


def public(*columns: Any) -> Select[Any]:
    """These columns of every public record (`OWN`) beside its row's (`HUB`): an editor accepted both."""
    both = select(*columns).select_from(OWN.join(HUB, _ROW))
    return both.where(OWN.c.status == "accepted", HUB.c.status == "accepted")


def public_rows(reader: Reader) -> set[str]:
    """Rows whose own record is accepted."""
    table = tables.records.c
    wanted = select(table.id).where(table.row == table.id, table.status == "accepted")
    return set(reader.connection.execute(wanted).scalars())


def handles(reader: Reader) -> frozenset[str]:
    """Of everybody who has a page: with a public record, or verified."""
    found = set(reader.connection.execute(public(OWN.c.operator).distinct()).scalars())
    return frozenset(found | {handle for handle, fact in reader.all("operator").items() if fact["verified"]})


@dataclass(frozen=True, slots=True)
class Operator:
    """What is public of somebody. `reproductions` are of other operators' rows."""

    handle: str
    verified: bool
    why: str  # the editor's reason
    since: str  # ISO date
    records: int
    rows: int
    reproductions: int
    rigs: int
    together: tuple[str, ...]  # other handles of the same person

    @property
    def address(self) -> str:
        """Of its page."""
        return addresses.operator(self.handle)

    @property
    def finding(self) -> str:
        """Whether an editor has seen that the hardware is theirs, in two words."""
        if self.verified:
            return "verified owner"
        return "no longer verified" if self.why else "not verified"


@dataclass(frozen=True, slots=True)
class Line:
    """A public record on its operator's page. `mark` and what follows are of a reproduction."""

    record: str
    row: str
    rig: str
    model: str
    quantisation: str
    runtime: str
    device: str
    role: str
    measured: str
    mark: str
    ratio: float | None
    low: float | None
    high: float | None
    summary: Summary | None  # of the row

    @property
    def short(self) -> str:
        """The row's, in addresses."""
        return self.row[:16]


def files(
    reader: Reader,
    site: Site,
    summaries: Sequence[Summary],
    wanted: Collection[str] | None = None,
) -> Iterator[File]:
    """The list, and a page for each operator: of those `wanted`, where given, and of whoever is one person with one of them,
    since each names the others.
    """
    persons = rows.people(reader)
    listed = operators(reader, persons)
    yield from _index(site, list(listed.values()))
    chosen = set(listed)
    if wanted is not None:
        named = {persons.get(handle, handle) for handle in wanted}
        chosen = {handle for handle in listed if persons.get(handle, handle) in named}
    by_row = {one.row: one for one in summaries}
    without = set(chosen)  # verified, with nothing public yet
    for handle, lines in _lines(reader, site, chosen, by_row, persons):
        yield _page(site, listed[handle], lines)
        without.discard(handle)
    for handle in sorted(without):
        yield _page(site, listed[handle], [])


def operators(reader: Reader, persons: Mapping[str, str]) -> dict[str, Operator]:
    """Everybody who has a page, by handle, in order. `persons`: operator → person."""
    counts: dict[str, tuple[int, int, int, int]] = {}
    opened = case((OWN.c.id == OWN.c.row, 1), else_=0)
    others = case((OWN.c.operator != HUB.c.operator, 1), else_=0)
    numbers = (func.count(), func.sum(opened), func.sum(others), func.count(func.distinct(OWN.c.rig)))
    for handle, *values in reader.connection.execute(public(OWN.c.operator, *numbers).group_by(OWN.c.operator)):
        total, own_rows, reproductions, rigs = map(int, values)
        counts[handle] = total, own_rows, reproductions, rigs
    facts = {name: fact for name, fact in reader.all("operator").items() if fact["verified"] or name in counts}
    days = _days(reader, sorted({fact["joined"] for fact in facts.values()}))
    known: dict[str, list[str]] = {}
    for handle in sorted(facts):
        known.setdefault(persons.get(handle, handle), []).append(handle)
    return {
        handle: Operator(
            handle,
            fact["verified"],
            fact["why"],
            days[fact["joined"]],
            *counts.get(handle, (0, 0, 0, 0)),
            together=tuple(one for one in known[persons.get(handle, handle)] if one != handle),
        )
        for handle, fact in sorted(facts.items())
    }


def _days(reader: Reader, indices: Sequence[int]) -> dict[int, str]:
    """When the hub took these entries, as ISO dates."""
    table, found = tables.entries.c, {}
    for start in range(0, len(indices), _CHUNK):
        chosen = table.idx.in_(indices[start : start + _CHUNK])
        for index, payload in reader.connection.execute(select(table.idx, table.payload).where(chosen)):
            found[int(index)] = entry.read(raw(payload), f"entry {index}").at[:10]
    return found


def _lines(
    reader: Reader,
    site: Site,
    chosen: set[str],
    by_row: Mapping[str, Summary],
    persons: Mapping[str, str],
) -> Iterator[tuple[str, list[Line]]]:
    """Of each of these operators the public records, the newest first."""
    both = (table.c[name] for table in (OWN, HUB) for name in COLUMNS)
    wanted = public(OWN.c.operator, OWN.c.model_name, *both).order_by(OWN.c.operator)
    few = sorted(chosen)
    if len(few) <= _CHUNK:
        wanted = wanted.where(OWN.c.operator.in_(few))
    about = rows.Known(frozenset())  # a verdict asks neither who is verified nor for drift
    for handle, group in groupby(reader.connection.execute(wanted), key=itemgetter(0)):
        if handle not in chosen:
            continue
        lines = []
        for _, name, *values in group:
            parts = values[: len(COLUMNS)], values[len(COLUMNS) :]
            one, hub = (measurement(tuple(part), about.source, about.behind)[1] for part in parts)
            own = persons.get(one.operator, one.operator) == persons.get(hub.operator, hub.operator)
            judged = None if own or one.subject != hub.subject else judge(hub, one, site.policy)
            lines.append(_line(name, hub, one, judged, by_row.get(hub.id), own=own))
        yield handle, sorted(lines, key=lambda line: (line.measured, line.record), reverse=True)


def _line(
    name: str, hub: Measurement, one: Measurement, judged: Judged | None, summary: Summary | None, *, own: bool
) -> Line:
    ring = "own row, again" if own else "community ring" if one.hardware == hub.hardware else "independent ring"
    comparison = None if judged is None else judged.comparison
    return Line(
        record=one.id,
        row=hub.id,
        rig=one.rig[:8],
        model=name,
        quantisation=one.subject.quantisation,
        runtime=one.hardware.runtime_series,
        device=one.hardware.sku,
        role="hub record" if one.id == hub.id else ring,
        measured=one.measured.isoformat(),
        mark="" if judged is None else str(judged.mark),
        ratio=None if comparison is None else comparison.ratio,
        low=None if comparison is None else comparison.low,
        high=None if comparison is None else comparison.high,
        summary=summary,
    )


def _index(site: Site, listed: Sequence[Operator]) -> Iterator[File]:
    """One page, or several where there are many."""
    parts = [listed[start : start + PAGE] for start in range(0, len(listed), PAGE)] or [listed]
    paths = ["operators/index.html", *(f"operators/page-{number}.html" for number in range(2, len(parts) + 1))]
    for path, part in zip(paths, parts, strict=True):
        yield path, page("operators.html", path, site, operators=part, total=len(listed), paths=paths)


def _page(site: Site, one: Operator, lines: Sequence[Line]) -> File:
    words = (Mark.INSIDE, Mark.OUTSIDE, Mark.INCONCLUSIVE)
    marks = [(str(word), sum(line.mark == word for line in lines)) for word in words]
    path = one.address
    together = [(handle, addresses.operator(handle)) for handle in one.together]
    rigs = sorted({line.rig for line in lines})
    return path, page("operator.html", path, site, one=one, lines=lines, marks=marks, together=together, rigs=rigs)
