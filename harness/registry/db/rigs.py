"""The table `rigs`: (operator, rig) of who has signed with which machine's key."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import select

from harness.registry.db import tables
from harness.registry.db.reader import Reader

Signed = tuple[str, str]  # operator, rig
_table = tables.rigs.c
_SIGNED = select(_table.operator, _table.rig)


def signed(reader: Reader) -> list[Signed]:
    """All of the table."""
    return [(operator, rig) for operator, rig in reader.connection.execute(_SIGNED)]


def of_operators(reader: Reader, handles: Collection[str]) -> list[Signed]:
    """With which machines these have signed."""
    found = reader.connection.execute(_SIGNED.where(_table.operator.in_(handles)))
    return [(operator, rig) for operator, rig in found]


def of_rigs(reader: Reader, rigs: Collection[str]) -> list[Signed]:
    """Who has signed with these machines."""
    return [(operator, rig) for operator, rig in reader.connection.execute(_SIGNED.where(_table.rig.in_(rigs)))]
