"""The chart of trials in the order in which they ran, process after process, with each process's median and the interval."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from harness import units
from harness.site.draw import svg
from harness.site.draw.charts import shapes
from harness.site.draw.charts.chart import AXIS, EDGE, WIDTH, Chart, Entry, finish, legend, nothing
from harness.site.draw.charts.scale import Format, Values, fitted, ticking
from harness.site.draw.charts.text_width import breadth

_HEAD = ("process", "trials", "median", "lowest", "highest")
_PLOT = 176.0


def trials(
    groups: Sequence[tuple[str, Values]], interval: tuple[float, float] | None, *, title: str, fmt: Format, key: str
) -> Chart:
    """(name, values in the order of their trials) a process, from left to right; `interval` is drawn as a band behind."""
    known = [(name, values) for name, values in groups if values.size]
    if not known:
        return nothing(title=title, key=key, head=_HEAD)
    every = np.concatenate([values for _, values in known])
    ends = [float(every.min()), float(every.max()), *(interval or ())]
    entries: list[Entry] = [
        (partial(_dot_sample, "ink"), "a trial"),
        (partial(_line_sample, "accent"), "median of its process"),
    ]
    if interval is not None:
        entries.append((_band_sample, "95 % interval"))
    body, top = legend(entries)
    bottom = top + _PLOT
    up = fitted(min(ends), max(ends), bottom, top + 8, fmt=fmt)
    left = EDGE + shapes.gutter(up, ticking(fmt))
    right = WIDTH - EDGE
    body += shapes.upright_axis(up, left, right, ticking(fmt))
    if interval is not None:
        low, high = up(interval[0]), up(interval[1])
        body += svg.element(
            "rect", x=left, y=high, width=right - left, height=low - high, class_="f-accent", opacity=0.16
        )
    step, at, free = (right - left) / (every.size + len(known)), left, 0.0
    for number, (_, values) in enumerate(known, 1):
        start, end = at, at + step * (values.size + 1)
        body += shapes.line(end, top + 8, end, bottom, "line") if number < len(known) else ""
        middle = up(float(np.median(values)))
        body += shapes.line(start + step / 2, middle, end - step / 2, middle, "accent", 2.25)
        radius = min(3.0, max(1.0, step / 3))
        body += "".join(
            shapes.dot(round(start + step * (i + 1), 1), up(float(v)), "ink", radius) for i, v in enumerate(values)
        )
        wide = breadth(str(number))
        if (start + end - wide) / 2 >= free:
            body += svg.text(
                str(number), round((start + end) / 2, 1), bottom + 20, text_anchor="middle", class_="f-muted"
            )
            free = (start + end + wide) / 2 + 8
        at = end
    body += svg.text("process", (left + right) / 2, bottom + AXIS + 13, text_anchor="middle", class_="f-muted")
    medians = [float(np.median(values)) for _, values in known]
    gist = f"{units.count(every.size, 'trial')} in {units.count(len(known), 'process', 'processes')}; medians from "
    gist += f"{fmt(min(medians))} to {fmt(max(medians))}, trials from {fmt(float(every.min()))} to {fmt(float(every.max()))}."
    rows = (
        (name, units.whole(values.size), *(fmt(float(f(values))) for f in (np.median, np.min, np.max)))
        for name, values in known
    )
    return finish(body, bottom + AXIS + 20, gist, title=title, key=key, head=_HEAD, rows=rows)


def _dot_sample(token: str, x: float, y: float) -> str:
    return shapes.dot(x + 20, y, token, 3)


def _line_sample(token: str, x: float, y: float) -> str:
    return shapes.line(x, y, x + 26, y, token, 2.25)


def _band_sample(x: float, y: float) -> str:
    return svg.element("rect", x=x, y=y - 6, width=26, height=12, class_="f-accent", opacity=0.16)
