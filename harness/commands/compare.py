"""`repro compare A B`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from harness.compare.records import RecordComparison
    from harness.verify.reading import Checked


@click.command(
    help="Compare records: ratio, interval, and a verdict. Of three or more, each against the first. "
    "Exit status 2 where a record does not hold."
)
@click.argument("records", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--band", type=float, default=10.0, show_default=True, help="Half of the tolerance band, per cent.")
@click.option(
    "--fail-if-slower",
    is_flag=True,
    help="Exit status 1 where a verdict is *slower*, 2 where nothing can be compared.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the comparisons for programs.")
def compare(records: tuple[Path, ...], band: float, fail_if_slower: bool, as_json: bool) -> None:
    """Of two, A against B: ratio = A / B."""
    from harness.compare.records import compare_records
    from harness.errors import BadInput
    from harness.terminal.console import out, print_json
    from harness.terminal.side_by_side import print_side_by_side
    from harness.verify.reading import trusted

    if not 0 < band < 50:
        raise BadInput(f"{band} is no band", where="--band", fix="give per cent between 0 and 50, such as 10")
    if len(records) < 2:
        raise BadInput("one record has nothing to stand against", where="compare", fix="name two or more")
    limits = (1 - band / 100, 1 + band / 100)
    checked = [trusted(path) for path in records]
    left, *others = checked
    pairs = [(left, others[0])] if len(others) == 1 else [(one, left) for one in others]
    found = [compare_records(a.stored.record, b.stored.record, limits) for a, b in pairs]
    if as_json:
        listed = [_json(a, b, one) for (a, b), one in zip(pairs, found, strict=True)]
        print_json(listed[0] if len(others) == 1 else listed)
    elif len(others) == 1:
        print_comparison(out(), left, others[0], found[0], band)
    else:
        print_side_by_side(out(), checked, limits)
    if fail_if_slower:
        raise SystemExit(_status(found))


def _json(a: Checked, b: Checked, found: RecordComparison) -> dict[str, object]:
    verified = {"a": {"verified": a.verified, "reason": a.reason}, "b": {"verified": b.verified, "reason": b.reason}}
    return {"a": a.stored.id, "b": b.stored.id, "verified": verified, **found.to_json()}


def _status(found: Sequence[RecordComparison]) -> int:
    """1 where a verdict is *slower*. Raises `BadInput` where else a pair has nothing that can be compared: that is no success."""
    from harness.errors import BadInput
    from harness.measure.comparison import Verdict

    if any(row.comparison.verdict is Verdict.SLOWER for one in found for row in one.rows):
        return 1
    for one in found:
        if all(row.comparison.verdict is Verdict.NOT_COMPARABLE for row in one.rows):
            why = one.rows[0].comparison.reason if one.rows else "they have no workload in common"
            raise BadInput(
                f"nothing can be compared ({why})", where="--fail-if-slower", fix="name records of one suite that hold"
            )
    return 0


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
