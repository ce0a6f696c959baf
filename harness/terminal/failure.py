"""A run that failed as a person reads it: that it does not run here, why, how far it came, and what was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.record.outcome import line
from harness.terminal.console import escape

if TYPE_CHECKING:
    from rich.console import Console

    from harness.record.schema import Outcome, Record


def print_failure(console: Console, record: Record, outcome: Outcome) -> None:
    """Below the head of the record, in place of its numbers."""
    console.print(f"[bold red]{escape(line(outcome))}[/]", soft_wrap=True)
    if outcome.error:
        console.print(f"the engine said: {outcome.error}", markup=False, soft_wrap=True)
    shown = " ".join(f"{name}={value}" for name, value in outcome.evidence.items())
    if shown:
        console.print(f"evidence: {shown}", markup=False)
    given = " ".join(f"{name}={value}" for name, value in outcome.given.items())
    if given:
        console.print(f"settings that it was given: {given}", markup=False, soft_wrap=True)
    if not outcome.loaded:
        devices = ", ".join(device.description or device.name for device in outcome.devices or ())
        console.print(f"devices that the engine could use: {devices or 'not told'}", markup=False)
    memory = record.environment.get("memory")
    told = memory if isinstance(memory, dict) else {}
    for name, words, size in (("tier_gib", "main memory", 1), ("limit_bytes", "limit of memory", 1 << 30)):
        fact = told.get(name)
        value = fact.get("value") if isinstance(fact, dict) else None
        if isinstance(value, int):
            console.print(f"{words}: {value / size:.4g} GiB", markup=False)
    console.print()
