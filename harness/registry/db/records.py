"""The table `records`, a record a line: what it says of one, of those that wait, of those that are like one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import or_, select

from harness.registry.db import tables
from harness.registry.db.columns import COLUMNS
from harness.registry.db.reader import Reader

_table = tables.records.c
NAMES = tuple(str(name) for name in tables.records.columns.keys())  # noqa: SIM118  # a collection of columns, not a dict
Line = dict[str, Any]  # its `NAMES`, as stored


def longest(name: str) -> int | None:
    """Characters that a column takes; None where it sets no limit."""
    limit = getattr(_table[name].type, "length", None)
    return None if limit is None else int(limit)


class Place(NamedTuple):
    """Where a record stands."""

    id: str
    row: str
    entry: int
    status: str


class Title(NamedTuple):
    """What a record is of."""

    model_name: str
    quantisation: str
    runtime_series: str
    sku: str
    workload: str


class Profile(NamedTuple):
    """Whose a record is, and its process medians as stored: micro tokens/s, comma between."""

    id: str
    operator: str
    entry: int
    medians: str


class Versioned(NamedTuple):
    """An accepted record: its `COLUMNS` (see `columns.measurement`), its model's name, its versions as JSON."""

    values: tuple[Any, ...]
    model_name: str
    versions: str


def line(reader: Reader, record: str) -> Line | None:
    """All that the table says of a record; None where it has it not."""
    found = reader.connection.execute(select(tables.records).where(_table.id == record)).one_or_none()
    return None if found is None else dict(zip(NAMES, found, strict=True))


def lines(reader: Reader) -> Iterator[Line]:
    """All of the table, in the log's order."""
    for found in reader.connection.execute(select(tables.records).order_by(_table.idx)):
        yield dict(zip(NAMES, found, strict=True))


def places(reader: Reader) -> Iterator[Place]:
    """Of every record."""
    for found in reader.connection.execute(select(_table.id, _table.row, _table.idx, _table.status)):
        yield Place(*found)


def title(reader: Reader, record: str) -> Title:
    """Of a record that the table has."""
    wanted = select(_table.model_name, _table.quantisation, _table.runtime_series, _table.sku, _table.workload)
    return Title(*reader.connection.execute(wanted.where(_table.id == record)).one())


def waiting(reader: Reader) -> dict[str, str]:
    """Id → operator of the records that no editor has decided on, oldest first."""
    wanted = select(_table.id, _table.operator).where(_table.status == "pending").order_by(_table.idx)
    return {identity: str(operator) for identity, operator in reader.connection.execute(wanted)}


def with_samples(reader: Reader, digest: str, but: str) -> list[str]:
    """Ids of other records with these very samples."""
    wanted = select(_table.id).where(_table.samples_sha256 == digest, _table.id != but).order_by(_table.id)
    return list(reader.connection.execute(wanted).scalars())


def of_rig(reader: Reader, rig: str, but: str, most: int) -> list[str]:
    """Ids of other records of a machine's key, the newest first."""
    wanted = select(_table.id).where(_table.rig == rig, _table.id != but).order_by(_table.idx.desc())
    return list(reader.connection.execute(wanted.limit(most)).scalars())


def accepted(reader: Reader) -> Iterator[Versioned]:
    """Every accepted record, in the log's order."""
    wanted = select(*(_table[name] for name in COLUMNS), _table.model_name, _table.versions)
    for *values, name, versions in reader.connection.execute(
        wanted.where(_table.status == "accepted").order_by(_table.idx)
    ):
        yield Versioned(tuple(values), name, versions)


def of_model(reader: Reader, record: str) -> list[Profile]:
    """The record and all others of its model, by its weights or its name, in the log's order."""
    own = reader.connection.execute(select(_table.model, _table.model_name).where(_table.id == record)).one()
    same = [_table.model == own.model, *([_table.model_name == own.model_name] if own.model_name else [])]
    wanted = select(_table.id, _table.operator, _table.idx, _table.medians).where(or_(*same)).order_by(_table.idx)
    return [Profile(*one) for one in reader.connection.execute(wanted)]
