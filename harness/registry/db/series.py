"""The table `series`: what accepted records have run, and who ran it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import select

from harness.registry.db import tables
from harness.registry.db.reader import Reader


class Series(NamedTuple):
    """A series of versions of an engine."""

    engine: str
    series: str


class Ran(NamedTuple):
    """Whose accepted record has run a series; `editorial`: an editor's when it was submitted."""

    operator: str
    editorial: bool


_LISTED = select(tables.series.c.engine, tables.series.c.series).order_by(tables.series.c.series)


def listed(reader: Reader) -> list[Series]:
    """All of the table, by name."""
    return [Series(engine, series) for engine, series in reader.connection.execute(_LISTED)]


def ran(reader: Reader, one: Series, most: int) -> list[Ran]:
    """So many of those whose accepted records have run it, each once."""
    table = tables.records.c
    of_it = (table.engine == one.engine, table.runtime_series == one.series, table.status == "accepted")
    wanted = select(table.operator, table.editorial).distinct().where(*of_it).limit(most)
    return [Ran(operator, bool(editorial)) for operator, editorial in reader.connection.execute(wanted)]


def submitted(reader: Reader, one: Series, until: int) -> Iterator[tuple[str, Ran]]:
    """Records that have run it, by id, the oldest first, of those that the log had at that entry; whatever became of them."""
    table = tables.records.c
    of_it = (table.engine == one.engine, table.runtime_series == one.series, table.idx <= until)
    wanted = select(table.id, table.operator, table.editorial).where(*of_it).order_by(table.idx)
    for identity, operator, editorial in reader.connection.execute(wanted):
        yield identity, Ran(operator, bool(editorial))


def of_accepted(reader: Reader) -> set[Series]:
    """What accepted records have run, from the records themselves: what the table must hold."""
    table = tables.records.c
    wanted = select(table.engine, table.runtime_series).distinct().where(table.status == "accepted")
    return {Series(engine, series) for engine, series in reader.connection.execute(wanted)}
