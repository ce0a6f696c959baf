"""The table `checkpoints`: signed notes by the size of the log that they speak of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import Engine, func, select, text

from harness.registry.db import tables
from harness.registry.db.reader import Reader, raw


class Note(NamedTuple):
    """A signed note. The size is as stored: SQLite keeps a text in a column of numbers, too."""

    size: int
    note: bytes


def notes(reader: Reader) -> Iterator[Note]:
    """All of them, the smallest log first."""
    wanted = select(tables.checkpoints.c.size, tables.checkpoints.c.note).order_by(tables.checkpoints.c.size)
    for size, note in reader.connection.execute(wanted):
        yield Note(size, raw(note))


def newest_size(reader: Reader) -> int:
    """Entries below the newest checkpoint; 0 where none was signed."""
    return reader.connection.execute(select(func.max(tables.checkpoints.c.size))).scalar_one() or 0


def keep(engine: Engine, size: int, note: bytes) -> None:
    """Store a signed checkpoint; the first of a size stays."""
    with engine.connect().execution_options(write=True) as connection, connection.begin():
        connection.execute(
            text("INSERT INTO checkpoints (size, note) VALUES (:size, :note) ON CONFLICT (size) DO NOTHING"),
            {"size": size, "note": note},
        )
