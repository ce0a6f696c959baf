"""The table `cosignatures`: lines that witnesses added to checkpoints, by the size of the log."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlalchemy import func, select, text

from harness.registry.db import tables
from harness.registry.db.reader import Reader, raw, unlike, whole

_RECENT = 64  # lines
_PUT = text(
    "INSERT INTO cosignatures (size, witness, line) VALUES (:size, :witness, :line) "
    "ON CONFLICT (size, witness) DO UPDATE SET line = excluded.line"
)


def put(reader: Reader, size: int, lines: Mapping[str, bytes]) -> None:
    """Keep each witness's newest line, in the transaction that is open. `lines`: name+hash → line."""
    for witness, line in lines.items():
        reader.connection.execute(_PUT, {"size": size, "witness": witness, "line": line})


def of_size(reader: Reader, size: int) -> bytes:
    """The lines below that checkpoint, in their one order. Raises `RecordInvalid` where the table holds other things."""
    table = tables.cosignatures.c
    wanted = select(table.line).where(table.size == size).order_by(table.witness)
    return b"".join(raw(one, f"cosignatures {size}") for one in reader.connection.execute(wanted).scalars())


def witnesses(reader: Reader, size: int) -> set[str]:
    """Who (name+hash) has signed the checkpoint of that size."""
    table = tables.cosignatures.c
    return set(map(str, reader.connection.execute(select(table.witness).where(table.size == size)).scalars()))


def told(reader: Reader) -> Iterator[tuple[int, bytes]]:
    """Size and line of each, for an audit, which names elsewhere what has no place: whatever stands there."""
    table = tables.cosignatures.c
    for size, line in reader.connection.execute(select(table.size, table.line).order_by(table.size, table.witness)):
        if type(size) is int:
            yield size, unlike(line)


def recent(reader: Reader) -> dict[str, int]:
    """Witness (name+hash) → entries below the checkpoint that it signed last, of the newest lines alone."""
    table = tables.cosignatures.c
    wanted = select(table.size, table.witness).order_by(table.size.desc(), table.witness).limit(_RECENT)
    found: dict[str, int] = {}
    for size, witness in reader.connection.execute(wanted):
        found.setdefault(str(witness), whole(size, "cosignatures"))
    return found


def newest(reader: Reader) -> dict[str, int]:
    """Witness (name+hash) → entries below the newest checkpoint that it signed."""
    table = tables.cosignatures.c
    wanted = select(table.witness, func.max(table.size)).group_by(table.witness)
    return {str(witness): whole(size, "cosignatures") for witness, size in reader.connection.execute(wanted)}
