"""Two records side by side, printed."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from harness.compare.records import RecordComparison
    from harness.verify.reading import Checked


def print_settings(console: Console, found: RecordComparison, order: str) -> None:
    """The settings that differ with their values and what they do, and those that nobody can tell."""
    for one in found.settings:
        console.print(f"  {one}, {order}", markup=False, highlight=False, soft_wrap=True)
    if found.unknown:
        text = f"  not told by both, so it may differ: {', '.join(found.unknown)}"
        console.print(text, markup=False, highlight=False, soft_wrap=True)


def print_comparison(console: Console, left: Checked, right: Checked, found: RecordComparison, band: float) -> None:
    """The table of A against B; `band` in per cent."""
    from rich.table import Table

    from harness.terminal.console import escape
    from harness.units import quantity

    for letter, one in (("A", left), ("B", right)):
        console.print(f"{letter} {heading(one)}")
    console.print("differ in: " + (escape(", ".join(found.differences)) or "nothing that is recorded"))
    print_settings(console, found, "A → B")
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("workload", "metric", "A", "B", "A / B", "interval", "verdict"):
        table.add_column(name, justify="left" if name in ("workload", "metric", "verdict") else "right")
    for row in found.rows:
        result = row.comparison
        interval = "–" if result.low is None else f"{result.low:.3f} to {result.high:.3f}"
        ratio = "–" if result.ratio is None else f"{result.ratio:.3f}"
        verdict = str(result.verdict).replace("_", " ")
        if result.more_processes:
            verdict += f" (about {result.more_processes} more processes a side would)"
        elif result.ratio is None:
            verdict += f" ({result.reason})"
        shown = [quantity(value, row.unit) for value in (row.a, row.b)]
        table.add_row(escape(row.workload), escape(row.metric), *shown, ratio, interval, escape(verdict))
    console.print(table)
    console.print(f"[dim]band ±{band:g} %, intervals at {found.rows[0].comparison.level:.0%}[/]" if found.rows else "")


def heading(one: Checked) -> str:
    """A record's name in markup, with its label, what is not known of it, and the checks that it fails."""
    from harness.record.label import label_of
    from harness.terminal.console import escape
    from harness.verify.unusable import failed_checks

    label = label_of(one.stored.path)
    failed = failed_checks(one.stored.record)
    parts = [escape(one.stored.path.parent.name)]
    parts += [escape(f"“{label}”")] if label else []
    parts += [f"[dim]{escape(one.note)}[/]"]
    parts += [f"[red]FAILED CHECKS: {escape(', '.join(failed))}; do not use its numbers[/]"] if failed else []
    return "  ".join(parts)
