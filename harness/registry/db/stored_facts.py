"""The table `facts` as it is stored, whatever that is; `Reader.get` is how a fact is asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from sqlalchemy import select

from harness.registry.db import tables
from harness.registry.db.reader import Reader
from harness.registry.facts import Fact

_table = tables.facts.c


class Stored(NamedTuple):
    """A line of the table; the value is JSON, if nobody changed it."""

    kind: str
    name: str
    value: str


def stored(reader: Reader) -> Iterator[Stored]:
    """All of the table."""
    for kind, name, value in reader.connection.execute(select(_table.kind, _table.name, _table.value)):
        yield Stored(kind, name, value)


def names(reader: Reader, kind: type[Fact]) -> list[str]:
    """Of every fact of a kind."""
    return list(reader.connection.execute(select(_table.name).where(_table.kind == kind.KIND)).scalars())
