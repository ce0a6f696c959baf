"""The table `checkpoints`: signed notes by the size of the log that they speak of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from sqlalchemy import Engine, func, select, text

from harness.registry.db import tables
from harness.registry.db.reader import Reader, raw, unlike, whole


class Note(NamedTuple):
    """A signed note, and the size of the log that the table says it is of."""

    size: int
    note: bytes


def notes(reader: Reader) -> Iterator[Note]:
    """All of them, the smallest log first. Raises `RecordInvalid` where the table holds other things."""
    for size, note in _stored(reader):
        yield Note(whole(size, "checkpoints"), raw(note, f"checkpoint {size}"))


def told(reader: Reader) -> Iterator[Note]:
    """The same for an audit, which names elsewhere what has no place: whatever stands there."""
    for size, note in _stored(reader):
        if type(size) is int:
            yield Note(size, unlike(note))


def _stored(reader: Reader) -> Iterator[tuple[Any, Any]]:
    wanted = select(tables.checkpoints.c.size, tables.checkpoints.c.note).order_by(tables.checkpoints.c.size)
    yield from map(tuple, reader.connection.execute(wanted))


def newest_size(reader: Reader) -> int:
    """Entries below the newest checkpoint; 0 where none was signed."""
    found = reader.connection.execute(select(func.max(tables.checkpoints.c.size))).scalar_one()
    return 0 if found is None else whole(found, "checkpoints")


def keep(engine: Engine, size: int, note: bytes) -> None:
    """Store a signed checkpoint; the first of a size stays."""
    with engine.connect().execution_options(write=True) as connection, connection.begin():
        put(Reader(connection), size, note)


def put(reader: Reader, size: int, note: bytes) -> None:
    """As `keep`, in the transaction that is open."""
    reader.connection.execute(
        text("INSERT INTO checkpoints (size, note) VALUES (:size, :note) ON CONFLICT (size) DO NOTHING"),
        {"size": size, "note": note},
    )
