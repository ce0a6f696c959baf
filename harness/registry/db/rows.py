"""Rows in the table `records`: one of them, many in sweeps along the table, those of one subject and device."""

from __future__ import annotations

from typing import Any, NamedTuple

from sqlalchemy import bindparam, func, literal, select

from harness.registry.db import tables
from harness.registry.db.columns import COLUMNS
from harness.registry.db.reader import Reader

Line = tuple[Any, ...]  # a record's `COLUMNS`: `columns.measurement` reads them
SWEEPS = 256  # parts of the table, by the first two digits of a row's id

# Made once: building a statement costs more than running it.
_table = tables.records.c
_ROW = select(*(_table[name] for name in COLUMNS)).where(_table.row == bindparam("row")).order_by(_table.id)
# Medians are asked for where logarithms do not decide: one pair in thousands.
_SWEEP = (
    select(*(literal("") if name == "medians" else _table[name] for name in COLUMNS), _table.model_name)
    .where(_table.row >= bindparam("first"), _table.row < bindparam("end"))
    .order_by(_table.row, _table.id)
)
_MEDIANS = select(_table.medians).where(_table.row == bindparam("row"), _table.id == bindparam("id"))


class Closed(NamedTuple):
    """A row whose own record was withdrawn or rejected."""

    id: str
    status: str


def of_row(reader: Reader, row: str) -> list[Line]:
    """The records of a row, by their ids."""
    return [tuple(one) for one in reader.connection.execute(_ROW, {"row": row})]


def sweep(reader: Reader, number: int) -> list[Line]:
    """The records of one of the `SWEEPS`, row by row: their `COLUMNS` without medians, then the model's name."""
    end = f"{number + 1:02x}" if number + 1 < SWEEPS else "g"
    found = reader.connection.execute(_SWEEP, {"first": f"{number:02x}", "end": end})
    # Plain tuples: SQLAlchemy's rows cost as much again as reading them.
    lines = list(found.cursor.fetchall()) if found.cursor is not None else []
    found.close()
    return lines


def medians(reader: Reader, row: str, record: str) -> str:
    """The process medians of a record, as stored: micro tokens/s, comma between."""
    found: str = reader.connection.execute(_MEDIANS, {"row": row, "id": record}).scalar_one()
    return found


def closed(reader: Reader, subject: tuple[str, str, str, str], sku: str, but: str) -> list[Closed]:
    """Other closed rows of this subject on this device, in the log's order."""
    names = ("model", "quantisation", "engine", "workload", "sku")
    same = (_table[name] == value for name, value in zip(names, (*subject, sku), strict=True))
    wanted = select(_table.id, _table.status).where(
        *same, _table.row == _table.id, _table.id != but, _table.status.in_(("withdrawn", "rejected"))
    )
    return [Closed(identity, status) for identity, status in reader.connection.execute(wanted.order_by(_table.idx))]


def others(reader: Reader, row: str) -> int:
    """How many records a row has beside its own."""
    wanted = select(func.count()).where(_table.row == row, _table.id != row)
    return int(reader.connection.execute(wanted).scalar_one())


def accepted_others(reader: Reader, row: str) -> list[str]:
    """Ids of those of them that are accepted."""
    wanted = select(_table.id).where(_table.row == row, _table.id != row, _table.status == "accepted")
    return list(reader.connection.execute(wanted).scalars())


def similar(reader: Reader, record: str, most: int) -> list[str]:
    """The oldest accepted rows of a model of the same name, other than the record's own."""
    own = reader.connection.execute(select(_table.model_name, _table.row).where(_table.id == record)).one()
    wanted = select(_table.id).where(
        _table.row == _table.id, _table.row != own.row, _table.status == "accepted", _table.model_name == own.model_name
    )
    return list(reader.connection.execute(wanted.order_by(_table.idx).limit(most)).scalars())


def successes(reader: Reader, operator: str, subject: tuple[str, str, str], sku: str) -> list[tuple[int, str]]:
    """Entry and day of an operator's accepted records of this model, quantisation and engine on this device."""
    names = ("model", "quantisation", "engine", "sku", "operator", "status")
    same = (_table[name] == value for name, value in zip(names, (*subject, sku, operator, "accepted"), strict=True))
    found = reader.connection.execute(select(_table.idx, _table.measured).where(*same))
    return [(int(index), str(measured)) for index, measured in found]


def of_subject(reader: Reader, subject: tuple[str, str, str]) -> list[str]:
    """Ids of the accepted rows of this model, quantisation and engine, sorted."""
    names = ("model", "quantisation", "engine")
    same = (_table[name] == value for name, value in zip(names, subject, strict=True))
    wanted = select(_table.id).where(*same, _table.row == _table.id, _table.status == "accepted").order_by(_table.id)
    return list(reader.connection.execute(wanted).scalars())
