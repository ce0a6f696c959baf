"""A sweep as drawings and a table: each cell with its interval, and how it stands to the best one. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness import units
from harness.compare.sweep import Axis, Cell, Point, Series, Standing, SweepTable, of_records
from harness.errors import BadInput
from harness.measure.plural import first
from harness.record.store import Stored
from harness.site.draw import charts
from harness.site.draw.charts import Chart

MOST_CURVES = 6  # of one series; the table has all
_NAMED = 8  # cells that a line names


@dataclass(frozen=True, slots=True)
class CellLine:
    """A line of the table, in words."""

    values: tuple[str, ...]
    rate: str
    width: str
    ratio: str
    interval: str
    standing: str
    why: str


@dataclass(frozen=True, slots=True)
class SeriesView:
    """One metric of one workload over the cells."""

    title: str
    said: str
    lines: tuple[CellLine, ...]
    charts: tuple[Chart, ...]


def sweep_of(records: Sequence[Stored]) -> SweepTable | None:
    """The sweep that the records are; None where they differ in more than settings, or in none."""
    try:
        found = of_records(records)
    except BadInput:
        return None
    return found if found.axes else None


def views(table: SweepTable) -> tuple[SeriesView, ...]:
    """The headline first."""
    return tuple(_view(table, series, f"sweep{number}") for number, series in enumerate(table.series))


def _view(table: SweepTable, series: Series, key: str) -> SeriesView:
    name = {"decode_rate": "Decode", "prefill_rate": "Prefill"}.get(series.metric, series.metric)
    title = f"{name} of {series.workload}"
    lines = tuple(_line(cell, point) for cell, point in zip(table.cells, series.points, strict=True))
    drawn = [
        _bars(table, series, f"{title} by setting, each with its interval", key),
        *_curves(table, series, title, key),
    ]
    return SeriesView(title, _said(table, series), lines, tuple(one for one in drawn if one is not None))


def _said(table: SweepTable, series: Series) -> str:
    """What the drawing shows, and which cells it does not: who sees it alone must know that they were tried."""
    said = _compared(table, series)
    if series.best is None or series.alone:
        return said
    apart = [
        f"{_named(table.axes, cell)} ({'no number' if point is None else point.standing})"
        for cell, point in zip(table.cells, series.points, strict=True)
        if point is None or point.standing is Standing.UNUSABLE
    ]
    return f"{said} Not drawn: {first(apart, _NAMED, '; ')}." if apart else said


def _compared(table: SweepTable, series: Series) -> str:
    if series.best is None:
        return "No cell has a number that may be used."
    if series.alone:
        return f"{_named(table.axes, table.cells[series.best])}. No other cell has a number that may be used."
    best = f"The fastest measured: {_named(table.axes, table.cells[series.best])}."
    ties = [_named(table.axes, table.cells[i]) for i in series.ties]
    return f"{best} Tied with it (they can't be told apart): {'; '.join(ties)}." if ties else best


def _named(axes: Sequence[Axis], cell: Cell) -> str:
    return " ".join(f"{axis.name}={value}" for axis, value in zip(axes, cell.values, strict=True))


def _line(cell: Cell, point: Point | None) -> CellLine:
    if point is None:
        return CellLine(cell.values, "–", "", "–", "", "no number", cell.failure)
    held = point.against_best
    ratio = "–" if held is None or held.ratio is None else units.ratio(held.ratio)
    interval = "" if held is None or held.low is None else units.interval(held.low, held.high)
    return CellLine(
        cell.values, units.rate(point.value / 1e6), units.half_width(point.half_width_ppm), ratio, interval,
        str(point.standing), point.why,
    )  # fmt: skip


def _drawable(series: Series) -> list[tuple[int, float, float | None, float | None]]:
    """(index of the cell, value, low, high) in tokens/s, of the numbers that may be used."""
    found = []
    for i, point in enumerate(series.points):
        if point is not None and point.standing is not Standing.UNUSABLE:
            low, high = (None if end is None else end / 1e6 for end in (point.low, point.high))
            found.append((i, point.value / 1e6, low, high))
    return found


def _bars(table: SweepTable, series: Series, title: str, key: str) -> Chart | None:
    items = [(_named(table.axes, table.cells[i]), value, low, high) for i, value, low, high in _drawable(series)]
    return charts.bars(items, title=title, fmt=units.rate, key=key) if items else None


def _curves(table: SweepTable, series: Series, title: str, key: str) -> list[Chart]:
    """Along the first setting whose values are three numbers or more: a curve for each combination of the others."""
    along = next(
        (i for i, axis in enumerate(table.axes) if len(axis.values) > 2 and all(map(_number, axis.values))), None
    )
    if along is None:
        return []
    groups: dict[tuple[str, ...], list[tuple[float, float, float | None, float | None]]] = {}
    others = [axis for i, axis in enumerate(table.axes) if i != along]
    for index, value, low, high in _drawable(series):
        values = table.cells[index].values
        rest = tuple(text for i, text in enumerate(values) if i != along)
        groups.setdefault(rest, []).append((float(values[along]), value, low, high))
    made = []
    for number, (rest, points) in enumerate(list(groups.items())[:MOST_CURVES]):
        where = " ".join(f"{axis.name}={text}" for axis, text in zip(others, rest, strict=True))
        name = table.axes[along].name
        shown = f"{title} by {name}" + (f", {where}" if where else "")
        if len(points) > 1:
            made.append(
                charts.curve(
                    points, title=shown, x_label=name, y_label="tokens/s", fmt=units.rate, key=f"{key}c{number}"
                )
            )
    return made


def _number(text: str) -> bool:
    return text.isdecimal() and text.isascii() and len(text) < 10
