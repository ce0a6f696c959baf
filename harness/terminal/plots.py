"""A record drawn in the terminal: how its tokens came, trial after trial, and what changes along depth or concurrency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from harness.measure.metrics import measure_trials
from harness.measure.trial import Purpose
from harness.record.curves import Curve, curves
from harness.record.samples import decode
from harness.terminal.bars import bar
from harness.terminal.console import escape
from harness.terminal.histogram import histogram
from harness.units import bare, count, half_width, quantity
from harness.verify.trials import trials_of

if TYPE_CHECKING:
    from rich.console import Console

    from harness.record.store import Stored
    from harness.verify.reading import Checked

HEIGHT = 9  # rows of the plot of trials
_USUAL, _MOST, _LEAST = 80, 120, 40  # columns: of a pipe, and at most and at least for a drawing

Values = NDArray[np.float64]


def print_plots(console: Console, checked: Checked) -> None:
    """All that can be drawn of the record; of false samples nothing but what its results say."""
    stored = checked.stored
    record, width = stored.record, columns(console)
    if record.failure is not None:
        console.print("nothing to draw: the run failed\n", markup=False)
        return
    drawn = [(one.title[0].upper() + one.title[1:], curve_lines(one, width)) for one in curves(record)]
    if checked.part != "samples":
        headline = record.suite.headline
        drawn += [
            (f"ITL of {headline}, all tokens of the timed trials", histogram(stored, headline, width)),
            (f"Decode of {headline} in tok/s, trial after trial; | parts the processes", course(_rates(stored), width)),
        ]
    for title, lines in drawn:
        if lines:
            console.print(f"[bold]{escape(title)}[/]")
            for line in lines:
                console.print(line, markup=False)
            console.print()
    if not any(lines for _, lines in drawn):
        console.print("nothing to draw: too few samples\n", markup=False)


def columns(console: Console) -> int:
    """The width of a drawing."""
    return _USUAL if console.width > 1000 else max(_LEAST, min(console.width, _MOST))


def curve_lines(line: Curve, width: int) -> list[str]:
    """A bar a point, its value and half of its interval behind it."""
    unit = line.result.unit
    most = max(point.estimate.point for point in line.points)
    shown = [(f"{p.x:,}", quantity(p.estimate.point, unit), half_width(p.estimate.half_width_ppm)) for p in line.points]
    left, middle, right = (max(len(one[i]) for one in shown) for i in range(3))
    room = max(8, width - left - middle - right - 8)
    lines = [f"  {'':{left}}  ({line.x_label})"]
    for (x, value, wide), point in zip(shown, line.points, strict=True):
        drawn = bar(point.estimate.point / most if most else 0, room)
        lines.append(f"  {x:>{left}}  {drawn:{room}} {value:>{middle}}  {wide}".rstrip())
    return lines


def course(groups: Sequence[Values], width: int) -> list[str]:
    """The trials of each process from left to right, a rate upwards; of more trials than columns, medians of neighbours."""
    known = [values for values in groups if values.size]
    if sum(map(len, known)) < 2:
        return []
    every = np.concatenate(known)
    low, high = float(every.min()), float(every.max())
    labels = [bare(round(value * 1e6)) for value in np.linspace(high, low, HEIGHT)]
    left = max(map(len, labels))
    size = -(-every.size // max(1, width - left - 4 - len(known)))
    marks: list[int | None] = []  # the row of each column; None parts two processes
    for values in known:
        marks += [None] if marks else []
        parts = [np.median(values[i : i + size]) for i in range(0, values.size, size)]
        marks += [round((high - float(v)) / (high - low) * (HEIGHT - 1)) if high > low else HEIGHT // 2 for v in parts]
    step = max(1, min(3, (width - left - 4) // max(1, len(marks))))
    lines = []
    for row in range(HEIGHT):
        drawn = "".join(("│" if at is None else "●" if at == row else " ").ljust(step) for at in marks)
        label = labels[row] if (row in (0, HEIGHT // 2, HEIGHT - 1) and high > low) or row == HEIGHT // 2 else ""
        lines.append(f"  {label:>{left}} {drawn}".rstrip())
    many = f"; a dot is the median of {size}" if size > 1 else ""
    return [*lines, f"  {count(every.size, 'trial')}, {count(len(known), 'process', 'processes')}{many}"]


def _rates(stored: Stored) -> list[Values]:
    """Tokens/s of the headline's valid timed trials, a process an array."""
    record, where = stored.record, str(stored.path.parent)
    trials = trials_of(decode(stored.samples(), record.samples.sha256, where), where)
    own = [t for t in trials if t.workload == record.suite.headline and t.purpose is Purpose.TIMED and t.valid]
    own.sort(key=lambda trial: (trial.process, trial.order))
    rates: dict[int, list[float]] = {}
    for trial, one in zip(own, measure_trials(own), strict=True):
        if one.decode_rate is not None:
            rates.setdefault(trial.process, []).append(one.decode_rate)
    return [np.array(values) for _, values in sorted(rates.items())]
