"""A site built incrementally, by its pure parts: whatever changed, what is built again is enough, and the tables are the same bytes."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.catalog import policies
from harness.site.api import downloads, json
from harness.site.data.values import Change, Site, Summary
from harness.site.pages import compare, lists
from tests.support.site_world import ONE

LOADED = policies.load()
SITE = Site(
    "registry.example",
    "https://registry.example/",
    LOADED.policy,
    "network-v2",
    LOADED.sha256,
    date(2026, 11, 24),
    1,
    False,
)
Table = Mapping[str, Summary]
names = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=6)
summaries = st.builds(
    replace,
    st.just(ONE),
    row=st.integers(0, 12).map(lambda number: f"{number:064x}"),
    model=st.sampled_from(["m", "M", "n"]),
    device=names,
    runtime=st.sampled_from(["e 1", "e 2"]),
    tier=st.sampled_from(["", "low", "high"]),
    workload=st.sampled_from(["w", "v"]),
    rate=st.floats(1, 1e3),
    low=st.none() | st.floats(1, 1e3),
    contested=st.booleans(),
    members=st.lists(st.sampled_from(["ann", "bob", "cat"]), min_size=1, unique=True).map(tuple),
)


def table(rows: Iterable[Summary]) -> Table:
    return {one.row: one for one in sorted(rows, key=lambda one: one.row)}


@st.composite
def steps(draw: st.DrawFn) -> tuple[Table, Table]:
    """Rows, and the same after a few of them came, went or changed."""
    before = table(draw(st.lists(summaries, max_size=12, unique_by=lambda one: one.row)))
    gone = draw(st.sets(st.sampled_from(sorted(before)), max_size=2)) if before else set()
    edited = table(draw(st.lists(summaries, max_size=2)))
    return before, table(({row: one for row, one in before.items() if row not in gone} | edited).values())


def changes_of(before: Table, after: Table) -> list[Change]:
    both = [(before.get(row), after.get(row)) for row in sorted(before.keys() | after.keys())]
    return [(old, new) for old, new in both if old != new]


@given(steps())
def test_values_are_counted_back(step: tuple[Table, Table]) -> None:
    before, after = step
    counted = lists.counts(after.values())
    assert lists.recounted(counted, changes_of(before, after)) == lists.counts(before.values())


@given(steps())
def test_every_list_that_changed_is_built_again(step: tuple[Table, Table]) -> None:
    before, after = step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lists, "LONG", 2)
        for facet in lists.FACETS:

            def pages(rows: Table, facet: lists.Facet = facet) -> dict[str, object]:
                values = {facet.value(one) for one in rows.values()}
                return {
                    one.path: (one.rows, one.every if one.number == 1 else len(one.every), one.paths)
                    for one in lists.parts(facet, lists.ordered(rows.values()), values)
                }

            old, new = pages(before), pages(after)
            again = {p.path for p in lists.stale(facet, lists.ordered(after.values()), changes_of(before, after))}
            assert {path for path in new if old.get(path) != new[path]} <= again <= new.keys()


@given(steps())
def test_the_comparison_that_changed_is_built_again(step: tuple[Table, Table]) -> None:
    before, after = step
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "LONG", 2)

        def told(rows: Table) -> object:
            groups, more = compare.groups(list(rows.values()), 1)
            return [(own[:2], len(own)) for own in groups], more

        again = compare.stale(compare.groups(list(after.values()), 1)[0], changes_of(before, after))
        assert again or told(before) == told(after)


def lines_of(rows: Table) -> list[tuple[object, ...]]:
    """A public record or two of each row, in the log's order."""
    found = []
    for one in rows.values():
        for place in range(1 + (one.rate > 500)):
            texts = {name: f"{name} {one.device}" for name in downloads.RECORD_COLUMNS}
            index = int(one.row, 16) * 2 + place
            found.append(tuple({**texts, "row": one.row, "idx": index}[name] for name in downloads.RECORD_COLUMNS))
    return found


def made(
    rows: Sequence[str], whole: Table, folder: Path | None, again: Sequence[str], before: Sequence[str]
) -> dict[str, bytes]:
    fresh = {row: whole[row] for row in rows}
    told = list(fresh.values())
    return {
        **dict(downloads.database(told, lines_of(fresh), folder, again)),
        **dict(downloads.parquet(told, lines_of(fresh), folder, again)),
        **dict(json.listings(SITE, whole, told, folder, before)),
    }


@settings(deadline=None)
@given(steps())
def test_tables_built_incrementally_are_those_built_from_nothing(step: tuple[Table, Table]) -> None:
    before, after = step
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for path, data in made(list(before), before, None, (), ()).items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(data)
        again = [row for row in before.keys() | after.keys() if before.get(row) != after.get(row)]
        fresh = sorted(set(again) & after.keys())
        built = made(fresh, after, folder, again, list(before))
        assert built == made(list(after), after, None, (), ())
