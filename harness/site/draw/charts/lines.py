"""Charts of a course: time by token position, a figure by another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from math import log2

import numpy as np

from harness import units
from harness.site.draw import svg
from harness.site.draw.charts import shapes
from harness.site.draw.charts.chart import AXIS, EDGE, WIDTH, Chart, Entry, finish, legend, nothing
from harness.site.draw.charts.scale import Format, Sample, Scale, Values, fitted, robust, ticking
from harness.site.draw.charts.text_width import shorten

_POSITIONS = 128
_TABLE = 16  # rows, about
_QUANTILES_FROM = 20  # trials: below, the 5 % and 95 % points would be made up, so the range stands
_TRACE_HEAD = ("position", "median", "low", "high", "warm-up")


def trace(itl_by_trial: Sample, warmup: Sample | None, *, title: str, fmt: Format, key: str) -> Chart:
    """Time by token position: the median over trials, the range they take round it, the warm-up dashed."""
    if itl_by_trial.size == 0:
        return nothing(title=title, key=key, head=_TRACE_HEAD)
    trials, tokens = itl_by_trial.shape
    outer, bounds = (
        ((0.05, 0.95), ("5 %", "95 %")) if trials >= _QUANTILES_FROM else ((0.0, 1.0), ("lowest", "highest"))
    )
    size = -(-tokens // _POSITIONS)
    low, middle, high = (_binned(part, size) for part in np.quantile(itl_by_trial, (outer[0], 0.5, outer[1]), axis=0))
    early = None
    if warmup is not None and warmup.size:
        early = _binned(np.median(warmup, axis=0)[:tokens], size)
    firsts = np.arange(len(middle)) * size + 1
    lasts = np.minimum(firsts + size - 1, tokens)
    drawn = [low, middle, high] if early is None else [low, middle, high, early]
    every = np.concatenate(drawn)
    least, q5, q95, most = np.quantile(every, (0, 0.05, 0.95, 1)).tolist()

    up = fitted(*robust(least, q5, q95, most), 0, 0, fmt=fmt)
    entries = _samples(trials, bounds, 0 if early is None or warmup is None else len(warmup))
    if most > up.high:
        entries.append((partial(_beyond, "up"), f"beyond, up to {fmt(most)}"))
    if least < up.low:
        entries.append((partial(_beyond, "down"), f"below, down to {fmt(least)}"))
    body, top = legend(entries)
    bottom = top + 188
    up = replace(up, start=bottom, end=top + 8)
    left = EDGE + shapes.gutter(up, ticking(fmt))
    across = fitted(1, tokens, left, WIDTH - 2 * EDGE, margin=0)
    across = replace(across, ticks=tuple(at for at in across.ticks if at == int(at) and at > 0))
    xs = across.many((firsts + lasts) / 2)

    body += shapes.upright_axis(up, left, across.end, ticking(fmt))
    body += shapes.level_axis(across, bottom, bottom + 4, units.plain, WIDTH)
    body += shapes.area(shapes.ring(xs, up.many(high), up.many(low)), "accent", 0.22)
    if early is not None:
        body += shapes.curve(shapes.track(xs[: len(early)], up.many(early)), "warn", 1.75, "5 3")
    body += shapes.curve(shapes.track(xs, up.many(middle)), "accent", 2.25)
    body += shapes.dot(float(xs[0]), up(float(middle[0])), "accent", 4) if len(xs) == 1 else ""
    body += _clipped(xs, drawn, up)
    body += svg.text(
        "token position", (left + across.end) / 2, bottom + AXIS + 13, text_anchor="middle", class_="f-muted"
    )
    first, last, whole = (fmt(float(at)) for at in (middle[0], middle[-1], np.median(middle)))
    gist = f"Of {units.count(trials, 'trial')} with {units.count(tokens, 'position')} each, the median: {whole}"
    gist += f" at a typical position, {first} at the first, {last} at the last." if tokens > 1 else "."
    head = ("position", "median", *bounds, "warm-up")
    rows = []
    for i in range(0, len(middle), max(1, round(len(middle) / _TABLE))):
        place = (
            units.whole(int(firsts[i]))
            if size == 1
            else f"{units.whole(int(firsts[i]))} to {units.whole(int(lasts[i]))}"
        )
        warm = fmt(float(early[i])) if early is not None and i < len(early) else "–"
        rows.append((place, *(fmt(float(part[i])) for part in (middle, low, high)), warm))
    return finish(body, bottom + AXIS + 20, gist, title=title, key=key, head=head, rows=rows)


def curve(
    points: Sequence[tuple[float, float, float | None, float | None]],
    *,
    title: str,
    x_label: str,
    y_label: str,
    fmt: Format,
    key: str,
) -> Chart:
    """(x, y, low, high) joined in the order of x, each with its interval; x doubles from tick to tick where it spans that."""
    head = (x_label, y_label, "low", "high")
    if not points:
        return nothing(title=title, key=key, head=head)
    ordered = sorted(points, key=lambda point: point[0])
    ends = [end for _, y, low, high in ordered for end in (y, low, high) if end is not None]
    least, most = min(ends), max(ends)
    top, bottom = 32.0, 242.0
    up = fitted(0.0 if 0 < least < 0.6 * most else least, most, bottom, top, fmt=fmt)
    left = EDGE + shapes.gutter(up, ticking(fmt))
    doubling = ordered[0][0] > 0 and ordered[-1][0] / ordered[0][0] >= 8
    places = [log2(x) if doubling else x for x, *_ in ordered]
    across = (
        _doublings(places, left + 12, WIDTH - 3 * EDGE)
        if doubling
        else fitted(places[0], places[-1], left + 12, WIDTH - 3 * EDGE)
    )
    body = svg.text(shorten(y_label, WIDTH - 2 * EDGE), EDGE, 15, class_="f-muted")
    body += shapes.upright_axis(up, left, WIDTH - EDGE, ticking(fmt))
    body += shapes.level_axis(
        across, bottom, bottom + 4, (lambda at: units.plain(2**at)) if doubling else units.plain, WIDTH
    )
    xs = [across(at) for at in places]
    for x, (_, _, low, high) in zip(xs, ordered, strict=True):
        if low is not None and high is not None:
            body += _upright_whiskers(x, up(low), up(high))
    ys = [up(y) for _, y, _, _ in ordered]
    body += shapes.curve(shapes.track(np.array(xs), np.array(ys)), "accent", 2.25)
    for x, y in zip(xs, ys, strict=True):
        body += svg.element("circle", cx=x, cy=y, r=4.5, class_="f-accent s-panel", stroke_width=1.5)
    body += svg.text(
        shorten(x_label, WIDTH - left),
        min((left + WIDTH) / 2, WIDTH),
        bottom + AXIS + 13,
        text_anchor="middle",
        class_="f-muted",
    )
    best = max(ordered, key=lambda point: point[1])
    gist = (
        f"{y_label} by {x_label}: {fmt(ordered[0][1])} at {units.plain(ordered[0][0])}, {fmt(ordered[-1][1])} at "
        f"{units.plain(ordered[-1][0])}; the highest is {fmt(best[1])} at {units.plain(best[0])}."
    )
    rows = (
        (units.plain(x), fmt(y), *("–" if end is None else fmt(end) for end in (low, high)))
        for x, y, low, high in ordered
    )
    return finish(body, bottom + AXIS + 20, gist, title=title, key=key, head=head, rows=rows)


def _samples(trials: int, bounds: tuple[str, str], early: int) -> list[Entry]:
    """The legend of a trace: `early` warm-up trials, none where 0."""
    entries: list[Entry] = [(partial(_stroke, "accent", 2.25, None), f"median of {units.count(trials, 'trial')}")]
    if trials > 1:
        entries.append((partial(_swatch, "accent", 0.22), " to ".join(bounds)))
    if early:
        words = "warm-up" if early == 1 else f"warm-up, median of {units.whole(early)}"
        entries.append((partial(_stroke, "warn", 1.75, "5 3"), words))
    return entries


def _binned(values: Values, size: int) -> Values:
    """Medians of `size` neighbours each; the last bin may be smaller."""
    if size == 1:
        return values
    whole = len(values) // size * size
    bins = np.median(values[:whole].reshape(-1, size), axis=1)
    return bins if whole == len(values) else np.append(bins, np.median(values[whole:]))


def _clipped(xs: Values, drawn: list[Values], up: Scale) -> str:
    over, under = np.zeros(len(xs), bool), np.zeros(len(xs), bool)
    for values in drawn:
        over[: len(values)] |= values > up.high
        under[: len(values)] |= values < up.low
    marks = [shapes.arrow_path(float(x), up.end - 6, "up", 4) for x in xs[over]]
    marks += [shapes.arrow_path(float(x), up.start + 6, "down", 4) for x in xs[under]]
    return shapes.area("".join(marks), "warn", 1) if marks else ""


def _doublings(places: list[float], start: float, end: float) -> Scale:
    first, last = round(places[0]), round(places[-1])
    every = -(-(last - first + 1) // 9)
    low, high = min(places[0], first), max(places[-1], last)
    return Scale(low, high, start, end, tuple(float(at) for at in range(first, last + 1, every)))


def _upright_whiskers(x: float, low: float, high: float) -> str:
    at = svg.number(x - 4)
    d = f"M{svg.number(x)} {svg.number(low)}V{svg.number(high)}M{at} {svg.number(low)}h8M{at} {svg.number(high)}h8"
    return svg.element("path", d=d, class_="s-ink", stroke_width=1.5)


def _swatch(token: str, opacity: float, x: float, y: float) -> str:
    return svg.element("rect", x=x, y=y - 6, width=26, height=12, class_=f"f-{token}", opacity=opacity)


def _stroke(token: str, width: float, dash: str | None, x: float, y: float) -> str:
    return shapes.line(x, y, x + 26, y, token, width, dash)


def _beyond(towards: str, x: float, y: float) -> str:
    return shapes.arrow(x + 20, y - 3 if towards == "up" else y + 3, towards, "warn")
