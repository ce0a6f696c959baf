"""The tables `buckets` and `nonces`: what a service counts, and forgets. Nothing here is in the log, or exported."""

from __future__ import annotations

from sqlalchemy import delete, func, insert, select, text
from sqlalchemy.exc import IntegrityError

from harness.registry.db import tables
from harness.registry.db.reader import Reader

_BUCKET = text(
    "INSERT INTO buckets (name, tokens, at_ms) VALUES (:name, :tokens, :at_ms) "
    "ON CONFLICT (name) DO UPDATE SET tokens = excluded.tokens, at_ms = excluded.at_ms"
)


def level(reader: Reader, name: str) -> tuple[float, int] | None:
    """Tokens, and when it had them (ms); None for a bucket that nobody has touched."""
    table = tables.buckets.c
    found = reader.connection.execute(select(table.tokens, table.at_ms).where(table.name == name)).one_or_none()
    return None if found is None else (float(found[0]), int(found[1]))


def fill(reader: Reader, name: str, tokens: float, at_ms: int) -> None:
    """From now on it has so many."""
    reader.connection.execute(_BUCKET, {"name": name, "tokens": tokens, "at_ms": at_ms})


def forget(reader: Reader, prefix: str, before_ms: int) -> None:
    """Buckets whose names begin so, and that nobody has touched since."""
    table = tables.buckets.c
    reader.connection.execute(
        delete(tables.buckets).where(table.at_ms < before_ms, table.name >= prefix, table.name < prefix + "~")
    )


def use(reader: Reader, sha256: str, until_s: int, now_s: int) -> bool:
    """Whether the number was not used before; it is now."""
    reader.connection.execute(delete(tables.nonces).where(tables.nonces.c.until_s < now_s))
    try:
        with reader.connection.begin_nested():
            reader.connection.execute(insert(tables.nonces), {"sha256": sha256, "until_s": until_s})
    except IntegrityError:
        return False
    return True


def secret_of(reader: Reader, kind: str, day: str, fresh: bytes) -> bytes:
    """The secret of that kind and day, `fresh` where there is none; those of other days are thrown away."""
    table, name = tables.secrets, kind + day
    found = reader.connection.execute(select(table.c.value).where(table.c.name == name)).scalar_one_or_none()
    if found is not None:
        return bytes(found)
    reader.connection.execute(delete(table).where(table.c.name >= kind, table.c.name < kind + "~"))
    reader.connection.execute(insert(table), {"name": name, "value": fresh})
    return fresh


def pending(reader: Reader) -> int:
    """Records that wait for an editor."""
    table = tables.records.c
    return int(
        reader.connection.execute(
            select(func.count()).select_from(tables.records).where(table.status == "pending")
        ).scalar_one()
    )


def of_operator(reader: Reader, handle: str) -> dict[str, int]:
    """How many records of each status an operator has."""
    table, rigs = tables.records.c, tables.rigs.c
    own = select(rigs.rig).where(rigs.operator == handle)
    wanted = select(table.status, func.count()).where(table.rig.in_(own), table.operator == handle)
    return {str(status): int(count) for status, count in reader.connection.execute(wanted.group_by(table.status))}
