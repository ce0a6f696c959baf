"""A sweep in the terminal: one table, one plot, and what may be said of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from harness.compare.sweep import Point, Series, Standing, SweepTable
from harness.terminal.console import escape
from harness.terminal.publish import picture
from harness.units import bare, count, interval, quantity, ratio

if TYPE_CHECKING:
    from rich.console import Console

WIDTH = 44
_NAMES = {"decode_rate": "decode", "prefill_rate": "prefill"}


def print_sweep(console: Console, table: SweepTable) -> None:
    """All of it: the table, the plot of the headline, the summary; then why cells have no number."""
    from rich.table import Table

    if table.synthetic:
        console.print("[red]SYNTHETIC[/]: made by a simulated runtime, not a measurement\n")
    console.print(f"[bold]{escape(table.model)}[/]  {escape(table.runtime)}  {escape(table.suite)}")
    shown = Table(box=None, pad_edge=False, header_style="bold")
    shown.add_column("")
    for name in (*(axis.name for axis in table.axes), "tok/s", "95 % interval", "/ best", "its interval"):
        shown.add_column(escape(name), justify="right")
    shown.add_column("")
    for series in table.series:
        for index, cell in enumerate(table.cells):
            values = (escape(value) for value in cell.values)
            shown.add_row("" if index else _name(series), *values, *_columns(series.points[index]))
    console.print(shown)
    for series in table.series[:1]:
        console.print(f"\n[bold]{_title(series)}[/], tok/s with its 95 % interval")
        for line in plot(table, series):
            console.print(line, markup=False, soft_wrap=True)
    console.print()
    for series in table.series:
        console.print(summary(table, series), markup=False, soft_wrap=True)
    for index in range(len(table.cells)):
        why = "; ".join(_doubts(table, index))
        if why:
            console.print(f"{label(table, index)}: {why}", markup=False, soft_wrap=True)
    folders = [Path(cell.path).parent for cell in table.cells if cell.path]
    if len(folders) > 1:
        console.print(picture(folders), markup=False, soft_wrap=True)


def _doubts(table: SweepTable, index: int) -> list[str]:
    """Why a cell has no number, or none that may be used."""
    points = [series.points[index] for series in table.series]
    found = [table.cells[index].failure, *(point.why for point in points if point is not None)]
    return [text for text in dict.fromkeys(found) if text]


def _name(series: Series) -> str:
    return _NAMES.get(series.metric, series.metric)


def _title(series: Series) -> str:
    return f"{_name(series)} of {escape(series.workload)}"


def _columns(point: Point | None) -> tuple[str, ...]:
    if point is None:
        return ("failed", "", "", "", "")
    own = f"{bare(point.low)} to {bare(point.high)}" if point.low is not None and point.high is not None else "–"
    held = point.against_best
    against = ("", "") if held is None or held.ratio is None else (ratio(held.ratio), interval(held.low, held.high))
    word = str(point.standing)
    return (bare(point.value), own, *against, f"[bold]{word}[/]" if point.standing is Standing.BEST else word)


def label(table: SweepTable, index: int) -> str:
    """A cell by its settings: `threads=2 flash_attn=on`."""
    pairs = zip(table.axes, table.cells[index].values, strict=True)
    return " ".join(f"{axis.name}={value}" for axis, value in pairs) or "default"


def plot(table: SweepTable, series: Series) -> list[str]:
    """A line a cell: its interval as a stroke, its point as a dot, all on one scale from the least to the most."""
    points = [point for point in series.points if point is not None]
    if not points:
        return []
    least = min(point.value if point.low is None else point.low for point in points)
    most = max(point.value if point.high is None else point.high for point in points)
    names = [label(table, index) for index in range(len(table.cells))]
    wide = max(map(len, names))
    lines = []
    for name, point in zip(names, series.points, strict=True):
        if point is None:
            lines.append(f"  {name:{wide}}  failed")
            continue
        lines.append(f"  {name:{wide}}  {_stroke(point, least, most)}  {bare(point.value):>8}  {point.standing}")
    return [*lines, f"  {'':{wide}}  {bare(least):<{WIDTH // 2}}{bare(most):>{WIDTH - WIDTH // 2}}"]


def _stroke(point: Point, least: int, most: int) -> str:
    def column(value: int) -> int:
        return round((value - least) / max(most - least, 1) * (WIDTH - 1))

    drawn = [" "] * WIDTH
    if point.low is not None and point.high is not None:
        low, high = column(point.low), column(point.high)
        drawn[low : high + 1] = "─" * (high - low + 1)
        drawn[low], drawn[high] = "├", "┤"
    drawn[column(point.value)] = "●"
    return "".join(drawn)


def summary(table: SweepTable, series: Series) -> str:
    """The best, what ties with it, and what is not decided, in one sentence."""
    name = _name(series)
    if series.best is None:
        return f"{name}: no cell has a number that may be used"
    best = series.points[series.best]
    assert best is not None  # noqa: S101 - the best has a number
    shown = f"{label(table, series.best)} with {quantity(best.value, series.unit)}"
    if series.alone:
        return f"{name}: {shown}; no other cell has a number that may be used"
    said = f"{name}: the best is {shown}"
    ties = [label(table, index) for index in series.ties]
    said += f"; a tie with {', '.join(ties)}" if ties else "; no tie"
    undecided = sum(point is not None and point.standing is Standing.UNDECIDED for point in series.points)
    return said + (f"; {count(undecided, 'cell')} not decided, more --processes would tell" if undecided else "")
