"""The pages that are no row's own: of a build that goes on, those that may read otherwise than the last one's."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

from harness.registry.queries import Reader
from harness.site.api import downloads, json
from harness.site.data.public import Ground, Public, standing, tallied
from harness.site.data.values import Change, File, Site, Summary
from harness.site.incremental.state import State, Touched
from harness.site.pages import (  # fmt: skip
    compare,
    decisions,
    failures,
    feed,
    forecasts,
    lists,
    log,
    methodology,
    operators,
    regressions,
    requests,
    sitemap,
)
from harness.site.pages.decisions import Act
from harness.site.pages.lists import Counts, Facet
from harness.site.pages.render import static, static_name

Job = Callable[[Reader], Iterator[File]]  # pages as values that can be sent to a process: see team.py
STATIC = ("site.css", "site.js", "icon.svg")


@dataclass(frozen=True, slots=True)
class Going:
    """From the last build to this one."""

    last: State | None  # None: from nothing
    new: State
    touched: Touched
    again: frozenset[str]  # rows that were made again, or are gone
    operators: (
        frozenset[str] | None
    )  # whose pages may read otherwise: named by an event, on such a row, or once on it; None: all
    changes: Sequence[Change]  # those that read otherwise in a list, or are new there, or gone
    before: Mapping[str, Counts]  # by facet's folder, in the last build
    counted: Mapping[str, Counts]  # and now

    @classmethod
    def of(cls, last: State | None, new: State, touched: Touched) -> Self:
        """`new` has its rows already."""
        known = {} if last is None else last.rows
        again = touched.rows | (known.keys() - new.rows.keys())
        pairs = [(known.get(row), new.rows.get(row)) for row in sorted(again)]
        changes = [(before, after) for before, after in pairs if before != after]
        counted = lists.counts(new.rows.values())
        operators = touched.operators
        if operators is not None:
            operators |= {
                one for rows in (known, new.rows) for row in again if row in rows for one in rows[row].members
            }
        return cls(last, new, touched, again, operators, changes, lists.recounted(counted, changes), counted)


def counted_in(reader: Reader, known: Ground, going: Going) -> Public:
    """Who has a page, and of what: put into the new state, too."""
    last, new = going.last, going.new
    new.tallies = tallied(reader, {} if last is None else last.tallies, going.operators)
    shown = standing(known, new.tallies)
    new.handles = list(shown.operators)
    return shown


def apart(site: Site, shown: Public, going: Going, newest: Sequence[Act]) -> list[Job]:
    """What another process may make: of a whole site, most of these pages."""
    since = 0 if going.last is None else going.last.entries
    jobs: list[Job] = [partial(decisions.files, site=site, known=shown, newest=newest, since=since)]
    if going.last is None:
        rows = lists.ordered(going.new.rows.values())
        counted = going.counted
        jobs += [partial(_facet, site=site, facet=one, rows=rows, counts=counted[one.folder]) for one in lists.FACETS]
    return jobs


def _facet(_reader: Reader, site: Site, facet: Facet, rows: Sequence[Summary], counts: Counts) -> Iterator[File]:
    """Every list of a facet."""
    yield from lists.overview(site, facet, counts)
    for part in lists.parts(facet, rows, counts):
        yield lists.of_part(site, part)


def files(
    reader: Reader, site: Site, shown: Public, going: Going, newest: Sequence[Act], rigs: Collection[str]
) -> Iterator[File]:
    """All but what `apart` and `tables` make. `rigs`: of the rows that were made again."""
    last, new = going.last, going.new
    moved = last is None or last.handles != new.handles
    if last is None:
        for name in STATIC:
            yield static_name(name), static(name)
        yield from json.fixed(site)
        yield from compare.quantiles(site)
    yield from methodology.files(site)
    if last is None:  # they follow from the program alone
        yield from forecasts.files(site)
    if moved or going.touched.keys:
        yield from log.keys(reader, site, shown)
    yield from operators.files(reader, site, shown, new.rows, going.operators, moved=moved)
    several = regressions.repeated(reader, None if last is None else last.repeated, rigs)
    new.repeated = sorted(several.places)
    yield from regressions.files(site, shown, several)
    yield from requests.files(reader, site, shown)
    yield from failures.files(reader, site, shown)
    yield from feed.files(reader, site, newest)
    yield from log.files(reader, site, 0 if last is None else last.signed)
    yield from json.files(site, list(new.rows.values()), shown.records)
    yield from _lists(site, len(new.tallies), going)


def _lists(site: Site, operators: int, going: Going) -> Iterator[File]:
    """The front page; and those lists, the comparison and the sitemap that may read otherwise."""
    last, new, before, counted = going.last, going.new, going.before, going.counted
    rows = list(new.rows.values())
    yield from lists.front(site, rows, counted, operators)
    groups, more = compare.groups(rows)
    if last is None or compare.stale(groups, going.changes):
        yield from compare.files(site, groups, more)
    values = [[one.keys() for one in found.values()] for found in (before, counted)]
    if last is None or values[0] != values[1] or last.rows.keys() != new.rows.keys() or last.handles != new.handles:
        yield from sitemap.files(site, new.rows, counted, new.handles)
    if last is not None:
        alike = lists.ordered(rows)
        for facet in lists.FACETS:
            if counted[facet.folder] != before[facet.folder]:
                yield from lists.overview(site, facet, counted[facet.folder])
            for part in lists.stale(facet, alike, going.changes):
                yield lists.of_part(site, part)


def tables(site: Site, going: Going, listed: downloads.Lines, out: Path) -> Sequence[Callable[[], Iterable[File]]]:
    """Files with a line for every row or record, each ready to be made. A build that goes on takes up those of the last one, in
    the folder `out`; `listed`: the records of the rows that were made again.
    """
    made = [going.new.rows[row] for row in sorted(going.touched.rows)]
    folder, before = (None, ()) if going.last is None else (out, tuple(going.last.rows))
    return (
        lambda: downloads.database(made, listed, folder, going.again),
        lambda: downloads.parquet(made, listed, folder, going.again),
        lambda: json.listings(site, going.new.rows, made, folder, before),
    )
