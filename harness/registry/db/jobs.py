"""The table `jobs`: what is done beside the log. Nothing of it is in the log, or exported."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.exc import IntegrityError

from harness.registry.db import tables
from harness.registry.db.reader import Reader

_NEVER: Mapping[str, Any] = {
    "entries": -1, "signed": 0, "day": "", "done_ms": 0, "tried_ms": 0, "failures": 0, "error": "",
}  # fmt: skip


def row(reader: Reader, name: str, *, lock: bool = False) -> dict[str, Any] | None:
    """The columns of the job; None where there is no row or, with `lock`, where another transaction has locked it."""
    wanted = select(tables.jobs).where(tables.jobs.c.name == name)
    if lock:
        wanted = wanted.with_for_update(skip_locked=True)  # SQLite knows no such thing, and leaves it out
    found = reader.connection.execute(wanted).one_or_none()
    return None if found is None else dict(found._mapping)


def add(reader: Reader, name: str) -> None:
    """A row for the job, if there is none."""
    try:
        with reader.connection.begin_nested():
            reader.connection.execute(insert(tables.jobs), {"name": name, **_NEVER})
    except IntegrityError:
        return


def put(reader: Reader, name: str, values: Mapping[str, Any]) -> None:
    """From now on its columns hold these."""
    reader.connection.execute(update(tables.jobs).where(tables.jobs.c.name == name).values(**values))
