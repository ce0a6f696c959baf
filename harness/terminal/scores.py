"""A row's score as a person reads it: state and tier first, then each record, then the rules in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from harness.tiers.score import Score
    from harness.tiers.values import Measurement


def print_score(console: Console, hub: Measurement, others: Sequence[Measurement], found: Score, under: str) -> None:
    """All of it."""
    from rich.table import Table

    from harness.terminal.console import escape, whole
    from harness.tiers.values import ring_of

    contested = ", contested" if found.contested else ""
    console.print(f"[bold]{found.state}[/], confidence [bold]{found.tier or 'none'}[/]{contested}   ({escape(under)})")
    console.print()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("record", "operator", "ring", "/ hub", "interval", "verdict"):
        table.add_column(name, justify="right" if name in ("/ hub", "interval") else "left")
    table.add_row(whole(console, hub.id, 12), escape(hub.operator), "hub", "", "", "")
    for one in others:
        judged = found.judged.get(one.id)
        ring = str(ring_of(hub, one))
        if judged is None:
            why = "another row: " + ", ".join(_differs(hub, one)) if one.subject != hub.subject else str(one.status)
            table.add_row(whole(console, one.id, 12), escape(one.operator), "–", "", "", why)
            continue
        made = judged.comparison
        ratio = "–" if made is None or made.ratio is None else f"{made.ratio:.3f}"
        interval = "–" if made is None or made.low is None else f"{made.low:.3f} to {made.high:.3f}"
        whose = " (the operator who opened this row)" if one.operator == hub.operator else ""
        table.add_row(whole(console, one.id, 12), escape(one.operator), ring, ratio, interval, f"{judged.mark}{whose}")
    console.print(table)
    console.print("\n[bold]Factors[/]")
    for factor in found.factors:
        console.print(f"  {factor.name:14} {escape(factor.text)}")
    console.print("[bold]Rules, in order[/]")
    for step in found.derived_from:
        fed = f"  [dim]{' '.join(identity[:8] for identity in step.records)}[/]" if step.records else ""
        console.print(f"  {step.rule:15} {step.tier:10} {escape(step.text)}{fed}")


def _differs(a: Measurement, b: Measurement) -> list[str]:
    from harness.registry.intake.projection import differing, parts_of

    return differing(b.subject, parts_of(a.subject))
