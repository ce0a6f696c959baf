"""Operators: a list of those who have something public, and a page each."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from harness.registry.queries import Reader, log, public
from harness.site import addresses
from harness.site.data.public import Public, Tally
from harness.site.data.values import File, Site, Summary
from harness.site.pages.render import page
from harness.tiers.values import Mark, Measurement, ring_of
from harness.tiers.verdict import Judged, judge
from harness.tlog import entry

PAGE = 100  # operators a page


@dataclass(frozen=True, slots=True)
class Operator:
    """What is public of somebody."""

    handle: str
    verified: bool
    why: str  # the editor's reason
    since: str  # ISO date
    tally: Tally
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
    known: Public,
    summaries: Mapping[str, Summary],
    wanted: Collection[str] | None = None,
    *,
    moved: bool = True,
) -> Iterator[File]:
    """The list, and a page for each operator: of those `wanted`, where given, and of whoever is one person with one of them,
    since each names the others.

    `moved`: whether somebody got a page or lost theirs. Otherwise only pages of the list that tell of one of them are made.
    """
    chosen = set(known.operators)
    if wanted is not None:
        named = {known.persons.get(handle, handle) for handle in wanted}
        chosen = {handle for handle in known.operators if known.persons.get(handle, handle) in named}
    handles = list(known.operators)
    parts = [handles[start : start + PAGE] for start in range(0, len(handles), PAGE)] or [handles]
    paths = index_paths(len(handles))
    told = [(path, part) for path, part in zip(paths, parts, strict=True) if moved or not chosen.isdisjoint(part)]
    listed = operators(reader, known, chosen.union(*(part for _, part in told)))
    for path, part in told:
        own = [listed[handle] for handle in part]
        yield path, page("operators.html", path, site, operators=own, total=len(handles), paths=paths)
    without = set(chosen)  # verified, with nothing public yet
    for handle, lines in _lines(reader, site, chosen, summaries, known.persons):
        yield _page(site, listed[handle], lines)
        without.discard(handle)
    for handle in sorted(without):
        yield _page(site, listed[handle], [])


def index_paths(count: int) -> list[str]:
    """The pages of the list of so many operators."""
    return ["operators/index.html", *(f"operators/page-{number}.html" for number in range(2, -(-count // PAGE) + 1))]


def operators(reader: Reader, known: Public, chosen: Collection[str]) -> dict[str, Operator]:
    """These of who has a page, by handle, in order."""
    facts = {handle: fact for handle, fact in known.operators.items() if handle in chosen}
    days = _days(reader, {fact.joined for fact in facts.values()})
    of_person: dict[str, list[str]] = {}
    for handle in known.operators:
        of_person.setdefault(known.persons.get(handle, handle), []).append(handle)
    return {
        handle: Operator(
            handle,
            fact.verified,
            fact.why,
            days[fact.joined],
            known.tallies.get(handle, Tally(0, 0, 0, 0)),
            together=tuple(one for one in of_person[known.persons.get(handle, handle)] if one != handle),
        )
        for handle, fact in facts.items()
    }


def _days(reader: Reader, indices: Iterable[int]) -> dict[int, str]:
    """When the registry took these entries, as ISO dates."""
    found = log.lines_at(reader, indices)
    return {index: entry.read(payload, f"entry {index}").at[:10] for index, payload in found}


def _lines(
    reader: Reader,
    site: Site,
    chosen: set[str],
    summaries: Mapping[str, Summary],
    persons: Mapping[str, str],
) -> Iterator[tuple[str, list[Line]]]:
    """Of each of these operators the public records, the newest first."""
    for handle, group in groupby(public.paired(reader, chosen), key=attrgetter("operator")):
        lines = []
        for _, name, one, hub in group:
            own = persons.get(one.operator, one.operator) == persons.get(hub.operator, hub.operator)
            judged = None if own or one.subject != hub.subject else judge(hub, one, site.policy)
            lines.append(_line(name, hub, one, judged, summaries.get(hub.id), own=own))
        yield handle, sorted(lines, key=lambda line: (line.measured, line.record), reverse=True)


def _line(
    name: str, hub: Measurement, one: Measurement, judged: Judged | None, summary: Summary | None, *, own: bool
) -> Line:
    ring = "own row, again" if own else f"{ring_of(hub, one)} ring"
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


def _page(site: Site, one: Operator, lines: Sequence[Line]) -> File:
    words = (Mark.INSIDE, Mark.OUTSIDE, Mark.INCONCLUSIVE)
    marks = [(str(word), sum(line.mark == word for line in lines)) for word in words]
    path = one.address
    together = [(handle, addresses.operator(handle)) for handle in one.together]
    rigs = sorted({line.rig for line in lines})
    return path, page("operator.html", path, site, one=one, lines=lines, marks=marks, together=together, rigs=rigs)
