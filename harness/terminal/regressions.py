"""Possible changes of speed between versions or settings, in blocks that no terminal cuts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.measure.plural import count
from harness.terminal.console import out
from harness.tiers.regressions import CONFIRMING

if TYPE_CHECKING:
    from rich.console import Console

    from harness.registry.queries.regressions import Candidate, Pair

MOST_PAIRS = 8  # of a candidate, in the text; --json has all


def print_candidates(shown: Sequence[Candidate], steps: int) -> None:
    """Those that are shown, of so many steps between versions or settings."""
    console = out()
    if not shown:
        console.print(f"no candidate; {count(steps, 'step has', 'steps have')} insufficient evidence (--all)")
        return
    for one in shown:
        _print(console, one)
    console.print(
        "Candidates, never facts about a version: a possible change was seen by one person, a confirmed change by "
        f"{CONFIRMING} or more, each on a machine of their own. The ratio is newer / older decode rate there.",
        markup=False,
        highlight=False,
    )


def _print(console: Console, one: Candidate) -> None:
    """A block a candidate: nothing is cut, however wide the terminal is."""

    def line(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    change, subject = one.change, one.change.subject
    before, after = change.before or "not recorded", change.after or "not recorded"
    line(f"{change.label}: {change.axis} {before} → {after}")
    persons = [
        f"seen {sign} by {len(who)} {'person' if len(who) == 1 else 'persons'}"
        for sign, who in (("slower", change.slower), ("faster", change.faster))
        if who
    ]
    line(
        f"  {one.model or 'unnamed model'} {subject.quantisation}, {subject.engine}, {subject.workload.partition('/')[2]}"
    )
    line(f"  {', '.join(persons) or 'no difference is larger than its interval'}")
    for pair in one.pairs[:MOST_PAIRS]:
        line(f"    {pair.operator} on {pair.device}: {_ratio(pair)}")
        rows = (
            pair.before_row[:12]
            if pair.before_row == pair.after_row
            else f"{pair.before_row[:12]}, {pair.after_row[:12]}"
        )
        line(f"      record {pair.before[:12]} → {pair.after[:12]}, row {rows}")
    if len(one.pairs) > MOST_PAIRS:
        line(f"    and {len(one.pairs) - MOST_PAIRS} more pairs (--json)")
    line("")


def _ratio(pair: Pair) -> str:
    made = pair.comparison
    if made.ratio is None:
        return "no ratio"
    interval = "" if made.low is None else f" [{made.low:.3f}, {made.high:.3f}]"
    return f"{made.ratio:.3f}{interval}, {str(made.verdict).replace('_', ' ')}"
