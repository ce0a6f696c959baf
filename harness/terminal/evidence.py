"""A measurement of another tool, in a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from harness.registry.facts import Evidence


def print_evidence(console: Console, evidence: Evidence, identity: str = "") -> None:
    """One line; with its id, where it has one."""
    from harness.terminal.console import escape, whole

    samples = evidence.samples_micro
    mean = sum(samples) / len(samples) / 1e6
    text = f"{evidence.tool}: {evidence.metric} {mean:.2f} tokens/s on {evidence.device}, {evidence.model}"
    console.print(f"  {whole(console, identity, 12)}  {escape(text)}" if identity else f"  {escape(text)}")
