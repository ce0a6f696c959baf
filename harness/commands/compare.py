"""`repro compare A B`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from rich.console import Console

    from harness.record.store import Stored
    from harness.run.comparing import RecordComparison


@click.command(help="Compare records: ratio, interval, and a verdict. Of three or more, each against the first.")
@click.argument("records", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--band", type=float, default=10.0, show_default=True, help="Half of the tolerance band, per cent.")
@click.option("--json", "as_json", is_flag=True, help="Print the comparisons for programs.")
def compare(records: tuple[Path, ...], band: float, as_json: bool) -> None:
    """Of two, A against B: ratio = A / B."""
    from harness.commands.console import out, print_json
    from harness.commands.side_by_side import print_side_by_side
    from harness.errors import BadInput
    from harness.record.store import read
    from harness.run.comparing import compare_records

    if not 0 < band < 50:
        raise BadInput(f"{band} is no band", where="--band", fix="give per cent between 0 and 50, such as 10")
    if len(records) < 2:
        raise BadInput("one record has nothing to stand against", where="compare", fix="name two or more")
    limits = (1 - band / 100, 1 + band / 100)
    left, *others = [read(path) for path in records]
    if len(others) > 1:
        if as_json:
            found = [
                {"a": one.id, "b": left.id, **compare_records(one.record, left.record, limits).to_json()}
                for one in others
            ]
            print_json(found)
            return
        print_side_by_side(out(), [left, *others], limits)
        return
    right = others[0]
    two = compare_records(left.record, right.record, limits)
    if as_json:
        print_json({"a": left.id, "b": right.id, **two.to_json()})
        return
    print_comparison(out(), left, right, two, band)


def print_comparison(console: Console, left: Stored, right: Stored, found: RecordComparison, band: float) -> None:
    """The table of A against B; `band` in per cent."""
    from rich.markup import escape
    from rich.table import Table

    from harness.units import quantity

    console.print(f"A {escape(left.path.parent.name)}\nB {escape(right.path.parent.name)}")
    console.print("differ in: " + (escape(", ".join(found.differences)) or "nothing that is recorded"))
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
        table.add_row(row.workload, row.metric, *shown, ratio, interval, verdict)
    console.print(table)
    console.print(f"[dim]band ±{band:g} %, intervals at {found.rows[0].comparison.level:.0%}[/]" if found.rows else "")
