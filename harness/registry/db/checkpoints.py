"""The table `checkpoints`: signed notes by the size of the log that they speak of."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from typing import Any, NamedTuple

from sqlalchemy import Engine, func, select, text

from harness.registry.db import cosignatures, tables
from harness.registry.db.reader import Reader, raw, unlike, whole
from harness.tlog import cosignature


class Note(NamedTuple):
    """A signed note, and the size of the log that the table says it is of."""

    size: int
    note: bytes


def notes(reader: Reader) -> Iterator[Note]:
    """All of them, the smallest log first, with what witnesses added. Raises `RecordInvalid`: the table holds other things."""
    for size, note in _stored(reader):
        number = whole(size, "checkpoints")
        yield Note(number, raw(note, f"checkpoint {size}") + cosignatures.of_size(reader, number))


def told(reader: Reader) -> Iterator[Note]:
    """The same for an audit, which names elsewhere what has no place: whatever stands there."""
    for size, note in _stored(reader):
        if type(size) is int:
            yield Note(size, unlike(note))


def _stored(reader: Reader) -> Iterator[tuple[Any, Any]]:
    wanted = select(tables.checkpoints.c.size, tables.checkpoints.c.note).order_by(tables.checkpoints.c.size)
    yield from map(tuple, reader.connection.execute(wanted))


def of_size(reader: Reader, size: int) -> bytes | None:
    """The note of a log of that size, with its witnesses' lines; None where none was signed."""
    wanted = select(tables.checkpoints.c.note).where(tables.checkpoints.c.size == size)
    found = reader.connection.execute(wanted).scalar_one_or_none()
    return None if found is None else raw(found, f"checkpoint {size}") + cosignatures.of_size(reader, size)


def newest_size(reader: Reader, limit: int | None = None) -> int:
    """Entries below the newest checkpoint, or the newest of at most `limit`; 0 where none was signed."""
    wanted = select(func.max(tables.checkpoints.c.size))
    if limit is not None:
        wanted = wanted.where(tables.checkpoints.c.size <= limit)
    found = reader.connection.execute(wanted).scalar_one()
    return 0 if found is None else whole(found, "checkpoints")


def cosigned(reader: Reader) -> str:
    """A digest of what witnesses have added to the newest one; "" where that is nothing."""
    lines = cosignatures.of_size(reader, newest_size(reader))
    return sha256(lines).hexdigest() if lines else ""


def newest_note(reader: Reader) -> bytes | None:
    """The newest one, as the registry alone signed it."""
    table = tables.checkpoints.c
    found = reader.connection.execute(select(table.note).order_by(table.size.desc()).limit(1)).scalar_one_or_none()
    return None if found is None else raw(found, "checkpoint")


def keep(engine: Engine, size: int, note: bytes) -> None:
    """Store a signed checkpoint; the first of a size stays."""
    with engine.connect().execution_options(write=True) as connection, connection.begin():
        put(Reader(connection), size, note)


def put(reader: Reader, size: int, note: bytes) -> None:
    """As `keep`, in the transaction that is open; lines of witnesses go to their own table. Raises `RecordInvalid`: no note."""
    own, lines = cosignature.parted(note, f"checkpoint {size}")
    reader.connection.execute(
        text("INSERT INTO checkpoints (size, note) VALUES (:size, :note) ON CONFLICT (size) DO NOTHING"),
        {"size": size, "note": own},
    )
    cosignatures.put(reader, size, lines)
