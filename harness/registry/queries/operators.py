"""Operators as a page lists them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import func, select

from harness.registry.db import tables
from harness.registry.db.reader import Reader


def listing(reader: Reader) -> list[dict[str, Any]]:
    """Every handle with what editors said of it, its records by status, and how many rigs it has."""
    table = tables.records.c
    counts: dict[str, dict[str, int]] = {}
    for handle, status, count in reader.connection.execute(
        select(table.operator, table.status, func.count()).group_by(table.operator, table.status)
    ):
        name = status if status in ("accepted", "pending") else "other"
        own = counts.setdefault(handle, {})
        own[name] = own.get(name, 0) + int(count)
    wanted = select(table.operator, func.count(func.distinct(table.rig))).group_by(table.operator)
    rigs = {handle: int(count) for handle, count in reader.connection.execute(wanted)}
    return [
        {
            "handle": handle,
            "verified": fact["verified"],
            "why": fact["why"],
            **{name: counts.get(handle, {}).get(name, 0) for name in ("accepted", "pending", "other")},
            "rigs": rigs.get(handle, 0),
        }
        for handle, fact in reader.all("operator").items()
    ]
