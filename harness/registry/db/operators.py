"""Operators in the table `records`: how much is theirs, and where."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import func, select

from harness.registry.db import tables
from harness.registry.db.reader import Reader, chunks

_table = tables.records.c


class Count(NamedTuple):
    """How many records of an operator have a status."""

    operator: str
    status: str
    records: int


def counts(reader: Reader) -> Iterator[Count]:
    """Of every operator and status that occur together."""
    wanted = select(_table.operator, _table.status, func.count()).group_by(_table.operator, _table.status)
    for operator, status, records in reader.connection.execute(wanted):
        yield Count(operator, status, int(records))


def rigs(reader: Reader) -> dict[str, int]:
    """Operator → how many machines made their records."""
    wanted = select(_table.operator, func.count(func.distinct(_table.rig))).group_by(_table.operator)
    return {operator: int(count) for operator, count in reader.connection.execute(wanted)}


def rows_of(reader: Reader, operators: Iterable[str]) -> set[str]:
    """Rows with a record of one of these."""
    found: set[str] = set()
    for some in chunks(operators):
        wanted = select(_table.row).distinct().where(_table.operator.in_(some))
        found |= set(reader.connection.execute(wanted).scalars())
    return found


def of_rows(reader: Reader, rows: Iterable[str]) -> set[str]:
    """Who has a record in one of these rows."""
    found: set[str] = set()
    for some in chunks(rows):
        wanted = select(_table.operator).where(_table.row.in_(some)).distinct()
        found |= set(reader.connection.execute(wanted).scalars())
    return found
