"""A table that is wider than the terminal: its columns in several tables, none of which cuts a number."""

from __future__ import annotations

from rich.console import Console
from rich.measure import Measurement
from rich.table import Column, Table


def in_parts(console: Console, table: Table) -> list[Table]:
    """The table alone where it fits; else parts that fit, each with the first column. A column without a title stays with the one
    before it.
    """
    if _natural(console, table) <= console.width:
        return [table]
    first, *others = table.columns
    groups: list[list[Column]] = []
    for column in others:
        if column.header or not groups:
            groups.append([column])
        else:
            groups[-1].append(column)
    parts: list[list[Column]] = [[]]
    for group in groups:
        if parts[-1] and _natural(console, _of([first, *parts[-1], *group], table)) > console.width:
            parts.append([])
        parts[-1] += group
    return [_of([first, *part], table) for part in parts]


def _natural(console: Console, table: Table) -> int:
    """Columns of the terminal that it takes uncut."""
    return Measurement.get(console, console.options.update(max_width=1 << 16), table).maximum


def _of(columns: list[Column], table: Table) -> Table:
    part = Table(box=table.box, pad_edge=table.pad_edge, header_style=table.header_style)
    for column in columns:
        part.add_column(column.header, justify=column.justify, no_wrap=column.no_wrap)
    for row in zip(*(map(str, column.cells) for column in columns), strict=True):
        part.add_row(*row)
    return part
