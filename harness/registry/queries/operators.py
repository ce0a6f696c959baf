"""Operators as a page lists them."""

from __future__ import annotations

from typing import Any

from harness.registry.db import operators
from harness.registry.db.operators import of_rows as of_rows
from harness.registry.db.operators import rows_of as rows_of
from harness.registry.db.reader import Reader
from harness.registry.facts import KeyFact, OperatorFact, TieFact


def listing(reader: Reader) -> list[dict[str, Any]]:
    """Every handle with what editors said of it, its records by status, and how many rigs it has."""
    counts: dict[str, dict[str, int]] = {}
    for handle, status, count in operators.counts(reader):
        name = status if status in ("accepted", "pending") else "other"
        own = counts.setdefault(handle, {})
        own[name] = own.get(name, 0) + count
    rigs = operators.rigs(reader)
    return [
        {
            "handle": handle,
            "verified": fact.verified,
            "why": fact.why,
            **{name: counts.get(handle, {}).get(name, 0) for name in ("accepted", "pending", "other")},
            "rigs": rigs.get(handle, 0),
        }
        for handle, fact in reader.all(OperatorFact).items()
    ]


def tied_to(reader: Reader, handle: str) -> list[str]:
    """Other handles of whom an editor says that they are the same person."""
    ties = [one for one in reader.all(TieFact).values() if not one.untied and handle in one.operators]
    return sorted({other for one in ties for other in one.operators} - {handle})


def keys_of(reader: Reader, handle: str) -> list[tuple[str, KeyFact]]:
    """The operator's keys by their ids, the newest first."""
    own = [(name, fact) for name, fact in reader.all(KeyFact).items() if fact.owner == handle]
    return sorted(own, key=lambda one: -one[1].since)
