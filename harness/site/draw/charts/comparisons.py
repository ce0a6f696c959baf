"""Charts of figures side by side: ratios against the band, rates as bars."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from harness import units
from harness.site.draw import svg
from harness.site.draw.charts import shapes
from harness.site.draw.charts.chart import AXIS, EDGE, MOST_ROWS, VALUE, WIDTH, Chart, finish, legend, more, nothing
from harness.site.draw.charts.scale import Format, Scale, fitted, ticking
from harness.site.draw.charts.text_width import breadth, shorten

_BAND_HEAD = ("label", "ratio", "low", "high", "verdict")
_BARS_HEAD = ("label", "value", "low", "high")
_NAMES = 220.0  # at most, of the width, for the labels on the left
_FARTHEST = 3.0  # how many half-bands from 1 the axis follows a ratio
_ROW = 27.0


def against_band(
    items: Sequence[tuple[str, float | None, float, float | None, str]],
    band: tuple[float, float],
    *,
    title: str,
    key: str,
) -> Chart:
    """(label, low, ratio, high, verdict) in rows: each interval of a ratio against the band."""
    if not items:
        return nothing(title=title, key=key, head=_BAND_HEAD)
    shown = items[:MOST_ROWS]
    found = [end for _, low, ratio, high, _ in shown for end in (low, ratio, high) if end is not None]
    least = max(min(*found, band[0] - 0.02), 1 - _FARTHEST * (1 - band[0]))
    most = min(max(*found, band[1] + 0.02), 1 + _FARTHEST * (band[1] - 1))
    left = 2 * EDGE + min(max(breadth(name) for name, *_ in shown), _NAMES) + 4
    right = WIDTH - EDGE - min(max(breadth(units.ratio(ratio)) for _, _, ratio, _, _ in shown), VALUE) - 14
    scale = fitted(least, most, left, right, fmt=units.ratio, margin=0.03)
    present = [mark for mark in shapes.VERDICTS if any(_known(item[4]) == mark for item in shown)]
    body, top = legend((partial(_sample, mark), mark) for mark in present)
    bottom = top + len(shown) * _ROW
    body += _band(scale, band, top, bottom)
    body += shapes.level_axis(scale, top, bottom, ticking(units.ratio), WIDTH)
    body += shapes.line(scale(1), top, scale(1), bottom, "ink", 1.5)
    for i, (name, low, ratio, high, mark) in enumerate(shown):
        y = top + (i + 0.5) * _ROW
        body += svg.text(shorten(name, _NAMES), EDGE, y + 5)
        body += _interval(scale, low, ratio, high, mark, y)
        body += svg.text(shorten(units.ratio(ratio), VALUE), WIDTH - EDGE, y + 5, text_anchor="end")
    rest = len(items) > len(shown)
    body += more(len(items), bottom + AXIS + 14) if rest else ""
    counts = [(sum(_known(item[4]) == mark for item in items), mark) for mark in shapes.VERDICTS]
    gist = f"Of {units.count(len(items), 'ratio')} against the band {units.interval(*band)}: " + ", ".join(
        f"{units.whole(n)} {mark}" for n, mark in counts if n
    )
    rows = (
        (name, units.ratio(ratio), *("–" if end is None else units.ratio(end) for end in (low, high)), mark)
        for name, low, ratio, high, mark in items
    )
    height = bottom + AXIS + (20 if rest else 0)
    return finish(body, height, gist + ".", title=title, key=key, head=_BAND_HEAD, rows=rows)


def inline_band(
    low: float | None, ratio: float, high: float | None, mark: str, band: tuple[float, float], *, key: str
) -> str:
    """One row of `against_band` for a cell of a table, on a fixed axis of 0.7 to 1.3."""
    scale = Scale(0.7, 1.3, 6, 134, ())
    body = _band(scale, band, 2, 22) + shapes.line(scale(1), 2, scale(1), 22, "muted")
    body += _interval(scale, low, ratio, high, mark, 12, 3.75)
    told = f"{units.ratio(ratio)}, {mark}"
    interval = f"Interval {units.interval(low, high)}" if low is not None and high is not None else "No interval"
    return svg.drawing(body, 140, 24, told, f"{interval}; the band is {units.interval(*band)}.", key)


def bars(items: Sequence[tuple[str, float, float | None, float | None]], *, title: str, fmt: Format, key: str) -> Chart:
    """(label, value, low, high) as bars from zero, with the interval across each bar's end and the value behind it."""
    if not items:
        return nothing(title=title, key=key, head=_BARS_HEAD)
    shown = items[:MOST_ROWS]
    ends = [end for _, value, low, high in shown for end in (value, low, high) if end is not None]
    left = 2 * EDGE + min(max(breadth(name) for name, *_ in shown), _NAMES) + 4
    right = WIDTH - EDGE - min(max(breadth(fmt(value)) for _, value, _, _ in shown), VALUE) - 10
    scale = fitted(min(0.0, *ends), max(0.0, *ends), left, right, fmt=fmt, margin=0)
    bottom = 4 + len(shown) * _ROW
    body = shapes.level_axis(scale, 4, bottom, ticking(fmt), WIDTH)
    zero = scale(0)
    for i, (name, value, low, high) in enumerate(shown):
        y = 4 + (i + 0.5) * _ROW
        body += svg.text(shorten(name, _NAMES), EDGE, y + 5)
        start, end = sorted((zero, scale(value)))
        body += svg.element("rect", x=start, y=y - 9, width=end - start, height=18, class_="f-accent", opacity=0.45)
        body += shapes.line(scale(value), y - 9, scale(value), y + 9, "accent", 2)
        if low is not None and high is not None:
            body += shapes.whiskers(scale(low), scale(high), y, "ink")
            end = max(end, scale(high))
        body += svg.text(shorten(fmt(value), VALUE), end + 8, y + 5)
    body += shapes.line(zero, 4, zero, bottom, "ink", 1.5)
    rest = len(items) > len(shown)
    body += more(len(items), bottom + AXIS + 14) if rest else ""
    most, least = max(items, key=lambda item: item[1]), min(items, key=lambda item: item[1])
    gist = f"{most[0]}: {fmt(most[1])}"
    if len(items) > 1:
        gist = f"{units.count(len(items), 'bar')}; highest {gist}; lowest {least[0]}: {fmt(least[1])}"
    rows = (
        (name, fmt(value), *("–" if end is None else fmt(end) for end in (low, high)))
        for name, value, low, high in items
    )
    height = bottom + AXIS + (20 if rest else 0)
    return finish(body, height, gist + ".", title=title, key=key, head=_BARS_HEAD, rows=rows)


def _band(scale: Scale, band: tuple[float, float], top: float, bottom: float) -> str:
    low, high = scale(band[0]), scale(band[1])
    return svg.element("rect", x=low, y=top, width=high - low, height=bottom - top, class_="f-accent", opacity=0.16)


def _interval(
    scale: Scale, low: float | None, ratio: float, high: float | None, mark: str, y: float, size: float = 4.5
) -> str:
    token = shapes.VERDICTS[_known(mark)]
    drawn = ""
    if low is not None and high is not None:
        drawn += shapes.whiskers(scale(low), scale(high), y, token, 0, 2.5)
        drawn += shapes.arrow(scale.start - 5, y, "left", token) if low < scale.low else ""
        drawn += shapes.arrow(scale.end + 5, y, "right", token) if high > scale.high else ""
    if ratio < scale.low:
        return drawn + shapes.arrow(scale.start - 5, y, "left", token) + shapes.glyph(mark, scale.start + 8, y, size)
    if ratio > scale.high:
        return drawn + shapes.arrow(scale.end + 5, y, "right", token) + shapes.glyph(mark, scale.end - 8, y, size)
    return drawn + shapes.glyph(mark, scale(ratio), y, size)


def _known(mark: str) -> str:
    return mark if mark in shapes.VERDICTS else "pending"


def _sample(mark: str, x: float, y: float) -> str:
    return shapes.glyph(mark, x + 20, y)
