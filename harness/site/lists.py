"""Lists of rows: the front page, and a list for each model, device, runtime, quantisation and tier. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness import units
from harness.site import addresses, charts, compare
from harness.site.charts import Chart
from harness.site.render import TIER_WORDS, page
from harness.site.values import File, Site, Summary
from harness.tiers.values import TIERS

NEWEST = 24  # on the front page
LONG = 200  # rows of a list on one page


@dataclass(frozen=True, slots=True)
class Facet:
    """A way to look at the rows: each value that it takes has a list."""

    folder: str
    title: str
    one: str  # of the values
    value: Callable[[Summary], str]


Listing = list[tuple[str, str, int]]  # name, address and number of rows of each value
FACETS = (
    Facet("models", "Models", "model", lambda s: s.model),
    Facet("devices", "Devices", "device", lambda s: s.device),
    Facet("runtimes", "Runtimes", "runtime", lambda s: s.runtime),
    Facet("quantisations", "Quantisations", "quantisation", lambda s: s.quantisation),
    Facet("tiers", "Confidence tiers", "tier", lambda s: s.tier),
)


def name_of(facet: Facet, value: str) -> str:
    """The value for people."""
    return TIER_WORDS[value] if facet.folder == "tiers" else value or f"unnamed {facet.one}"


def front(site: Site, rows: Sequence[Summary], listings: Mapping[str, Listing]) -> Iterator[File]:
    """`index.html`, from what the facets list, by folder."""
    newest = sorted(rows, key=lambda s: (-s.entry, s.row))[:NEWEST]
    counts = {tier: sum(s.tier == tier for s in rows) for tier in reversed(TIERS)}
    groups = [(facet, listings[facet.folder]) for facet in FACETS]
    yield "index.html", page(
        "index.html", "index.html", site, newest=newest, total=len(rows), counts=counts, groups=groups,
        operators=len({member for s in rows for member in s.members}),
    )  # fmt: skip


def listing(facet: Facet, rows: Sequence[Summary]) -> Listing:
    """(name, address, rows) of each value: tiers in falling order, others by name."""
    count: dict[str, int] = {}
    for one in rows:
        value = facet.value(one)
        count[value] = count.get(value, 0) + 1
    order = (lambda v: -TIERS.index(v)) if facet.folder == "tiers" else (lambda v: (v.lower(), v))
    return [
        (name_of(facet, value), addresses.listed(facet.folder, value), count[value])
        for value in sorted(count, key=order)
    ]


def overview(site: Site, facet: Facet, values: Listing, total: int) -> Iterator[File]:
    """The index of a facet: every value that it takes, from its `listing`."""
    path = f"{facet.folder}/index.html"
    yield path, page("facet.html", path, site, facet=facet, values=values, total=total)


def ordered(rows: Iterable[Summary]) -> list[Summary]:
    """As lists show them: those most alike beside each other."""
    return sorted(rows, key=lambda s: (s.model.lower(), s.quantisation, s.device.lower(), s.runtime, s.row))


@dataclass(frozen=True, slots=True)
class Part:
    """One page of the list of a value."""

    facet: Facet
    value: str
    number: int  # from 1
    rows: Sequence[Summary]
    every: Sequence[Summary]  # of the whole list
    paths: Sequence[str]  # of all its pages

    @property
    def path(self) -> str:
        """Of this page."""
        return self.paths[self.number - 1]

    @property
    def shown(self) -> Sequence[Summary]:
        """The rows that it tells of: the first page compares all of them."""
        return self.every if self.number == 1 else self.rows


def parts(facet: Facet, rows: Sequence[Summary]) -> Iterator[Part]:
    """Every page of every list of a facet; `rows` are `ordered`."""
    groups: dict[str, list[Summary]] = {}
    for one in rows:
        groups.setdefault(facet.value(one), []).append(one)
    for value, own in groups.items():
        pages = [own[first : first + LONG] for first in range(0, len(own), LONG)]
        paths = [addresses.listed(facet.folder, value, number) for number in range(1, len(pages) + 1)]
        for number, part in enumerate(pages, 1):
            yield Part(facet, value, number, part, own, paths)


def of_part(site: Site, part: Part) -> File:
    """That page."""
    return part.path, page(
        "rows.html", part.path, site, facet=part.facet, name=name_of(part.facet, part.value), rows=part.rows,
        total=len(part.every), number=part.number, pages=part.paths, alike=_alike(part.every) if part.number == 1 else [],
    )  # fmt: skip


def _apart(rows: Sequence[Summary]) -> list[str]:
    """Names of rows by what they differ in."""
    parts = [(s.device, s.quantisation, s.runtime, s.os, s.operator) for s in rows]
    telling = [i for i in range(len(parts[0])) if len({part[i] for part in parts}) > 1]
    # The operator tells apart what nothing else does.
    if len({tuple(part[i] for i in telling[:-1]) for part in parts}) == len(parts) and telling[-1:] == [4]:
        telling.pop()
    return [", ".join(part[i] for i in telling) or part[0] for part in parts]


def _alike(rows: Sequence[Summary]) -> list[Chart]:
    """Rows of one workload and model side by side, the fastest first, where there are several."""
    return [
        charts.bars(
            [(name, s.rate, s.low, s.high) for name, s in zip(_apart(own[:30]), own, strict=False)],
            title=f"{own[0].model or 'unnamed model'}: decode, {own[0].suite}", fmt=units.rate, key=f"alike{number}",
        )
        for number, own in enumerate(compare.groups(rows)[:8])
    ]  # fmt: skip
