"""Charts of samples: box plots and cumulative shares."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from harness import units
from harness.measure.order import quantiles
from harness.site.draw import svg
from harness.site.draw.charts import shapes
from harness.site.draw.charts.chart import AXIS, EDGE, MOST_ROWS, VALUE, WIDTH, Chart, finish, legend, more, nothing
from harness.site.draw.charts.scale import Format, Sample, Scale, Values, fitted, robust, ticking
from harness.site.draw.charts.text_width import SIZE, breadth, shorten

_BOX = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)
_BOX_HEAD = ("group", "n", "min", "5 %", "25 %", "median", "75 %", "95 %", "max")
_ECDF = (0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99)
_ECDF_HEAD = ("series", *(units.share(q) for q in _ECDF))
_POINTS = 100
_GRID = 40  # points of a violin's outline
_VIOLIN_FROM = 30  # values: below, an outline would be a picture of its own bandwidth
_LINES = tuple(zip(("accent", "blue", "warn", "ink", "bad"), (None, "7 3", "2 3", "10 3 2 3", "4 4"), strict=True))


def box(groups: Sequence[tuple[str, Sample]], *, title: str, fmt: Format, key: str) -> Chart:
    """Box plots in rows: box 25-75 %, whiskers 5-95 %, dots at the ends, behind it the outline of the density."""
    points = [quantiles(values, _BOX) if len(values) else None for _, values in groups]
    known = [found for found in points if found]
    if not known:
        return nothing(title=title, key=key, head=_BOX_HEAD)
    ranges = [robust(found[0], found[1], found[5], found[6]) for found in known]
    labels = [" ".join(name.split()) for name, _ in groups]
    broadest = max(map(breadth, labels))
    beside = broadest <= 140
    left = EDGE + (broadest + 12 if beside else 0)
    broad = max(breadth("median"), *(1.05 * breadth(fmt(found[3])) for found in known))
    right = WIDTH - EDGE - min(broad, VALUE) - 20
    scale = fitted(min(low for low, _ in ranges), max(high for _, high in ranges), left, right, fmt=fmt)
    row, over = (52.0, 0.0) if beside else (74.0, 24.0)
    shown = min(len(groups), MOST_ROWS)
    bottom = 24 + shown * row
    body = svg.text("median", WIDTH - EDGE, 15, text_anchor="end", class_="f-muted")
    body += shapes.level_axis(scale, 24, bottom, ticking(fmt), WIDTH)
    for i in range(shown):
        middle = 24 + i * row + over + 26
        at, name_y = points[i], middle + 5 if beside else middle - over - 9
        body += svg.text(shorten(labels[i], 140 if beside else WIDTH - 2 * EDGE), EDGE, name_y)
        if at is None:
            body += svg.text("no data", left, middle + 5, class_="f-muted")
            continue
        values = groups[i][1]
        body += _violin(values, at, scale, middle) if len(values) >= _VIOLIN_FROM else ""
        body += _row(at, scale, middle, fmt)
    body += more(len(groups), bottom + AXIS + 14) if len(groups) > shown else ""
    named = [(name, found) for (name, _), found in zip(groups, points, strict=True) if found][:12]
    gist = "Medians: " + "; ".join(
        f"{name} {fmt(found[3])} (5 to 95 %: {fmt(found[1])} to {fmt(found[5])})" for name, found in named
    )
    rows = (
        (name, units.whole(len(values)), *(map(fmt, found) if found else ["–"] * len(_BOX)))
        for (name, values), found in zip(groups, points, strict=True)
    )
    height = bottom + AXIS + (20 if len(groups) > shown else 0)
    return finish(body, height, gist + ".", title=title, key=key, head=_BOX_HEAD, rows=rows)


def ecdf(series: Sequence[tuple[str, Sample]], *, title: str, fmt: Format, key: str) -> Chart:
    """What share of the values is at most x, a stepped curve a series; a letter on each curve leads to its name."""
    points = [quantiles(values, (0.0, *_ECDF, 1.0)) if len(values) else None for _, values in series]
    known = [(i, found) for i, found in enumerate(points) if found]
    if not known:
        return nothing(title=title, key=key, head=_ECDF_HEAD)
    letters = {i: chr(ord("A") + rank % 26) for rank, (i, _) in enumerate(known)} if len(known) > 1 else {}
    body, top = legend(
        (partial(_sample, *_LINES[i % len(_LINES)]), f"{letters[i]}: {series[i][0]}" if letters else series[i][0])
        for i, _ in known
    )
    bottom = top + 4 + max(200.0, 22.0 * len(known))
    ranges = [robust(found[0], found[1], found[6], found[8]) for _, found in known]
    across = fitted(
        min(low for low, _ in ranges), max(high for _, high in ranges), EDGE + 50, WIDTH - 2 * EDGE, fmt=fmt
    )
    up = Scale(0, 1, bottom, top + 4, (0, 0.25, 0.5, 0.75, 1))
    body += shapes.upright_axis(up, across.start, across.end, units.share)
    body += shapes.level_axis(across, up.end, bottom, ticking(fmt), WIDTH)
    ordered = {i: np.sort(series[i][1]).astype(np.float64) for i, _ in known}
    count = min(_POINTS, max(40, 4 * _POINTS // len(known)))
    for i, _ in known:
        body += _cumulative(ordered[i], count, across, up, *_LINES[i % len(_LINES)])
    for rank, (i, _) in enumerate(sorted(known, key=lambda one: one[1][3])):
        share = 0.9 - 0.8 * (rank + 0.5) / len(known)
        body += (
            _letter(letters[i], across(float(ordered[i][int(share * len(ordered[i]))])), up(share)) if letters else ""
        )
    gist = "Half of the values are at most: " + "; ".join(f"{series[i][0]} {fmt(found[3])}" for i, found in known[:12])
    rows = (
        (name, *(map(fmt, found[1:-1]) if found else ["–"] * len(_ECDF)))
        for (name, _), found in zip(series, points, strict=True)
    )
    return finish(body, bottom + AXIS, gist + ".", title=title, key=key, head=_ECDF_HEAD, rows=rows)


def _row(at: list[float], scale: Scale, y: float, fmt: Format) -> str:
    low, high = scale(at[2]), scale(at[4])
    drawn = shapes.whiskers(scale(at[1]), scale(at[5]), y, "ink")
    drawn += svg.element(
        "rect", x=low, y=y - 9, width=max(high - low, 1), height=18, rx=2, class_="f-panel s-ink", stroke_width=1.5
    )
    drawn += shapes.line(scale(at[3]), y - 9, scale(at[3]), y + 9, "accent", 4)
    for value, towards, end in ((at[0], "left", "min"), (at[6], "right", "max")):
        x = scale(value)
        if scale.low <= value <= scale.high:
            drawn += shapes.dot(x, y, "ink", 2.5)
        else:
            drawn += shapes.arrow(x, y, towards, "ink")
            anchor = "start" if towards == "left" else "end"
            drawn += svg.text(shorten(f"{end} {fmt(value)}", VALUE), x, y - 12, text_anchor=anchor, class_="f-muted")
    return drawn + svg.text(shorten(fmt(at[3]), VALUE), WIDTH - EDGE, y + 5, text_anchor="end", font_weight="600")


def _violin(values: Sample, at: list[float], scale: Scale, y: float) -> str:
    """A Gaussian density (Silverman's bandwidth) over what the scale shows of the sample, on a grid."""
    low, high = max(at[0], scale.low), min(at[6], scale.high)
    step = (high - low) / (_GRID - 1)
    if scale(high) - scale(low) < 4:
        return ""
    spread = (at[4] - at[2]) / 1.34 or float(np.std(values))
    width = max(0.9 * spread * len(values) ** -0.2 / step, 0.7)
    cells = np.rint((values[(values >= low) & (values <= high)] - low) / step).astype(np.int64)
    counts = np.bincount(cells, minlength=_GRID).astype(np.float64)
    offsets = np.arange(1 - _GRID, _GRID) / width
    density = np.convolve(counts, np.exp(-0.5 * offsets * offsets))[_GRID - 1 : 2 * _GRID - 1]
    half = 22 * density / density.max()
    xs = np.linspace(scale(low), scale(high), _GRID)
    return shapes.area(shapes.ring(xs, y - half, y + half), "accent", 0.22)


def _cumulative(ordered: Values, count: int, across: Scale, up: Scale, token: str, dash: str | None) -> str:
    """The curve within the scale; where it goes on beyond, it runs level into an arrow at the edge."""
    count = min(len(ordered), count)
    shares = np.arange(1, count + 1) / count
    xs = ordered[np.ceil(shares * len(ordered) - 1e-9).astype(np.int64) - 1]
    xs, ys = np.concatenate((xs[:1], xs)), np.concatenate(([0.0], shares))
    below, within = int(np.searchsorted(xs, across.low)), int(np.searchsorted(xs, across.high, side="right"))
    xs, ys = xs[:within], ys[:within]
    beyond = within <= len(shares)
    if below:
        xs, ys = np.concatenate(([across.low], xs[below:])), ys[below - 1 :]
    px, py = across.many(xs), up.many(ys)
    drawn = shapes.curve(shapes.stairs(px, py) + (f"H{svg.number(across.end)}" if beyond else ""), token, 2.25, dash)
    drawn += shapes.arrow(across.start, float(py[0]), "left", token) if below else ""
    return drawn + (shapes.arrow(across.end + 5, float(py[-1]), "right", token) if beyond else "")


def _letter(letter: str, x: float, y: float) -> str:
    halo = svg.element("circle", cx=x, cy=y, r=SIZE * 0.65, class_="f-panel")
    return halo + svg.text(letter, round(x, 1), y + 5, text_anchor="middle", font_weight="600")


def _sample(token: str, dash: str | None, x: float, y: float) -> str:
    return shapes.line(x, y, x + 26, y, token, 2.25, dash)
