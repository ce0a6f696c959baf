"""The facts of a record's environment: what was read of the machine, or nothing. Pure."""

from __future__ import annotations

from typing import Any

from harness.record.schema import Record


def part_of(record: Record, *names: str) -> dict[str, Any]:
    """A part by its names, one inside the other; empty where it is not there."""
    found: Any = record.environment
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else {}


def value_of(part: dict[str, Any], name: str) -> Any:
    """A fact's value; None where it is not known."""
    entry = part.get(name)
    return entry.get("value") if isinstance(entry, dict) else None
