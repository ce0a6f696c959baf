"""Lists of rows: the front page, and a list for each model, device, runtime, quantisation and tier. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from heapq import nsmallest
from operator import attrgetter

from harness import units
from harness.site import addresses
from harness.site.data import forecasts
from harness.site.data.values import Change, File, Site, Summary
from harness.site.draw import charts
from harness.site.draw.charts import Chart
from harness.site.pages import compare
from harness.site.pages.render import TIER_WORDS, page
from harness.tiers.values import TIERS

NEWEST = 24  # on the front page
CHARTS, BARS = 4, 20  # of rows alike, above a list
OFFERED = 400  # values of a facet to choose from there
LONG = 100  # rows of a list on one page


@dataclass(frozen=True, slots=True)
class Facet:
    """A way to look at the rows: each value that it takes has a list."""

    folder: str
    title: str
    one: str  # of the values
    value: Callable[[Summary], str]


FACETS = (
    Facet("models", "Models", "model", attrgetter("model")),
    Facet("devices", "Devices", "device", attrgetter("device")),
    Facet("runtimes", "Runtimes", "runtime", attrgetter("runtime")),
    Facet("quantisations", "Quantisations", "quantisation", attrgetter("quantisation")),
    Facet("tiers", "Confidence tiers", "tier", attrgetter("tier")),
)


def name_of(facet: Facet, value: str) -> str:
    """The value for people."""
    return TIER_WORDS[value] if facet.folder == "tiers" else value or f"unnamed {facet.one}"


Counts = Counter[str]  # how many rows have each value


def counts(rows: Collection[Summary]) -> dict[str, Counts]:
    """By facet's folder."""
    return {facet.folder: Counter(map(facet.value, rows)) for facet in FACETS}


def recounted(now: Mapping[str, Counts], changes: Sequence[Change]) -> dict[str, Counts]:
    """As `counts` before these changes; values that no row has are not there."""
    found = {}
    for facet in FACETS:
        count = Counter(now[facet.folder])
        count.subtract(facet.value(after) for _, after in changes if after is not None)
        count.update(facet.value(before) for before, _ in changes if before is not None)
        found[facet.folder] = +count
    return found


def front(site: Site, rows: Sequence[Summary], counted: Mapping[str, Counts], operators: int) -> Iterator[File]:
    """`index.html`. `counted`: by facet's folder; `operators`: how many have something public."""
    newest = nsmallest(NEWEST, rows, key=lambda s: (-s.entry, s.row))
    tiers = {str(tier): counted["tiers"].get(str(tier), 0) for tier in reversed(TIERS)}
    groups = [(facet, _listing(facet, counted[facet.folder], OFFERED), len(counted[facet.folder])) for facet in FACETS]
    yield "index.html", page(
        "index.html", "index.html", site, newest=newest, total=len(rows), counts=tiers, groups=groups, operators=operators
    )  # fmt: skip


def _listing(facet: Facet, counted: Counts, most: int) -> list[tuple[str, str, int]]:
    """(name, value, rows) of `most` values: tiers in falling order, others by name."""
    order = (lambda v: -TIERS.index(v)) if facet.folder == "tiers" else (lambda v: (v.lower(), v))
    return [(name_of(facet, value), value, counted[value]) for value in nsmallest(most, counted, key=order)]


def overview(site: Site, facet: Facet, counted: Counts) -> Iterator[File]:
    """The index of a facet: every value that it takes."""
    path, total = f"{facet.folder}/index.html", sum(counted.values())
    values = _listing(facet, counted, len(counted))
    yield path, page("facet.html", path, site, facet=facet, values=values, total=total)


def ordered(rows: Iterable[Summary]) -> list[Summary]:
    """As lists show them: those most alike beside each other."""
    return sorted(rows, key=_order)


def _order(one: Summary) -> tuple[str, ...]:
    return one.model.lower(), one.quantisation, one.device.lower(), one.runtime, one.row


@dataclass(frozen=True, slots=True)
class Part:
    """One page of the list of a value."""

    facet: Facet
    value: str
    number: int  # from 1
    rows: Sequence[Summary]
    every: Sequence[Summary]  # of the whole list
    paths: tuple[str, ...]  # of all its pages

    @property
    def path(self) -> str:
        """Of this page."""
        return self.paths[self.number - 1]


def paths(facet: Facet, value: str, count: int) -> tuple[str, ...]:
    """The pages of the list of a value that so many rows have."""
    return tuple(addresses.listed(facet.folder, value, number) for number in range(1, -(-count // LONG) + 1))


def parts(facet: Facet, rows: Sequence[Summary], values: Collection[str]) -> Iterator[Part]:
    """Every page of the lists of these values; `rows` are `ordered`."""
    groups: dict[str, list[Summary]] = {}
    for value, one in zip(map(facet.value, rows), rows, strict=True):
        if value in values:
            groups.setdefault(value, []).append(one)
    for value, own in groups.items():
        where = paths(facet, value, len(own))
        for number in range(1, len(where) + 1):
            yield Part(facet, value, number, own[(number - 1) * LONG : number * LONG], own, where)


def stale(facet: Facet, rows: Sequence[Summary], changes: Iterable[Change]) -> Iterator[Part]:
    """The parts that may read otherwise after these changes; `rows` are `ordered`, after them."""
    moved, told, changed = set[str](), set[str](), set[str]()
    for before, after in changes:
        values = [facet.value(one) for one in (before, after) if one is not None]
        if before is None or after is None or values[0] != values[1] or _order(before) != _order(after):
            moved |= set(values)
        if after is not None:
            told.add(values[-1])
            changed.add(after.row)
    for part in parts(facet, rows, moved | told):
        # The first page compares all rows of the list; a list of other length says so on each.
        if part.number == 1 or part.value in moved or any(one.row in changed for one in part.rows):
            yield part


def of_part(site: Site, part: Part) -> File:
    """That page."""
    return part.path, page(
        "rows.html", part.path, site, facet=part.facet, name=name_of(part.facet, part.value), rows=part.rows,
        total=len(part.every), number=part.number, pages=part.paths, part=_device(part),
        alike=_alike(part.every) if part.number == 1 else [],
    )  # fmt: skip


def _device(part: Part) -> forecasts.Part | None:
    """Of the list of a device that something was published of elsewhere."""
    found = forecasts.part_of(part.value) if part.facet.folder == "devices" else None
    return found if found is not None and found.published else None


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
            [(name, s.rate, s.low, s.high) for name, s in zip(_apart(own[:BARS]), own, strict=False)],
            title=f"{own[0].model or 'unnamed model'}: decode, {own[0].suite}", fmt=units.rate, key=f"alike{number}",
        )
        for number, own in enumerate(compare.groups(rows, CHARTS)[0])
    ]  # fmt: skip
