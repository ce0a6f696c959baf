"""A measurement of another tool, in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from harness.registry.facts import Evidence


def print_evidence(console: Console, evidence: Evidence) -> None:
    """One line."""
    from harness.terminal.console import escape

    samples = evidence.samples_micro
    mean = sum(samples) / len(samples) / 1e6
    text = f"{evidence.tool}: {evidence.metric} {mean:.2f} tokens/s on {evidence.device}, {evidence.model}"
    console.print(f"  {escape(text)}")
