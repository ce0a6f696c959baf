"""The strokes that charts are made of: lines, tracks through many points, glyphs that differ in shape."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np

from harness.site.draw import svg
from harness.site.draw.charts.scale import Scale, Values
from harness.site.draw.charts.text_width import breadth, shorten

# Colour and shape by the word of a verdict; any other word looks like the last.
VERDICTS = {
    "inside": "good", "outside": "bad", "inconclusive": "warn",
    "same": "good", "faster": "blue", "slower": "bad", "cannot tell": "warn", "pending": "muted",
}  # fmt: skip

_TICK = 150.0  # the most room that a tick's label takes


def line(x1: float, y1: float, x2: float, y2: float, token: str, width: float = 1, dash: str | None = None) -> str:
    """A straight line."""
    return svg.element(
        "path", d=f"M{svg.number(x1)} {svg.number(y1)}" + _straight(x1, y1, x2, y2), class_=f"s-{token}",
        stroke_width=None if width == 1 else width, stroke_dasharray=dash,
    )  # fmt: skip


def curve(d: str, token: str, width: float = 2, dash: str | None = None) -> str:
    """The line along a path."""
    return svg.element(
        "path", d=d, class_=f"s-{token}", fill="none", stroke_width=width, stroke_dasharray=dash,
        stroke_linejoin="round", stroke_linecap=None if dash else "round",
    )  # fmt: skip


def area(d: str, token: str, opacity: float) -> str:
    """A filled path."""
    return svg.element("path", d=d, class_=f"f-{token}", opacity=opacity)


def track(xs: Values, ys: Values) -> str:
    """A path through points, in tenths of a pixel and relative, for few bytes."""
    px, py = _tenths(xs), _tenths(ys)
    steps = [(px[i] - px[i - 1], py[i] - py[i - 1]) for i in range(1, len(px))]
    moves = "".join(_signed(dx) + _signed(dy) for dx, dy in steps if dx or dy)
    return f"M{_tenth(px[0])}{_signed(py[0])}" + (f"l{moves.lstrip()}" if moves else "h0")


def ring(xs: Values, upper: Values, lower: Values) -> str:
    """A closed path: along `upper`, back along `lower`."""
    return track(np.concatenate((xs, xs[::-1])), np.concatenate((upper, lower[::-1]))) + "z"


def stairs(xs: Values, ys: Values) -> str:
    """A path that goes level to each point's x, then upright to its y."""
    px, py = _tenths(xs), _tenths(ys)
    moves = [f"M{_tenth(px[0])}{_signed(py[0])}"]
    for i in range(1, len(px)):
        dx, dy = px[i] - px[i - 1], py[i] - py[i - 1]
        moves.append((f"h{_tenth(dx)}" if dx else "") + (f"v{_tenth(dy)}" if dy else ""))
    return "".join(moves) + "h0"


def whiskers(x1: float, x2: float, y: float, token: str, cap: float = 4, width: float = 1.5) -> str:
    """A level interval with upright ends."""
    ends = "".join(f"M{svg.number(x)} {svg.number(y - cap)}v{svg.number(2 * cap)}" for x in (x1, x2) if cap)
    d = f"M{svg.number(x1)} {svg.number(y)}H{svg.number(x2)}{ends}"
    return svg.element("path", d=d, class_=f"s-{token}", stroke_width=width, fill="none")


def dot(x: float, y: float, token: str, radius: float) -> str:
    """A filled circle."""
    return svg.element("circle", cx=x, cy=y, r=radius, class_=f"f-{token}")


def glyph(mark: str, x: float, y: float, size: float = 5) -> str:
    """A verdict's sign: circle, cross, triangle, square, hollow circle. The panel's colour parts it from the lines behind."""
    token = VERDICTS.get(mark, "muted")
    at = f"M{svg.number(x - size)} {svg.number(y - size)}"
    match mark:
        case "inside" | "same":
            return svg.element("circle", cx=x, cy=y, r=size, class_=f"f-{token} s-panel", stroke_width=1.5)
        case "outside":
            side = svg.number(2 * size)
            cross = f"{at}l{side} {side}m0-{side}l-{side} {side}"
            return curve(cross, "panel", 6) + curve(cross, token, 3)
        case "faster" | "slower":
            tip = y - size if mark == "faster" else y + size
            return arrow(x, tip, "up" if mark == "faster" else "down", token, size + 0.5)
        case "inconclusive" | "cannot tell":
            return svg.element(
                "rect", x=x - size + 0.5, y=y - size + 0.5, width=2 * size - 1, height=2 * size - 1,
                class_=f"f-{token} s-panel", stroke_width=1.5,
            )  # fmt: skip
        case _:
            return svg.element("circle", cx=x, cy=y, r=size - 0.5, class_=f"f-panel s-{token}", stroke_width=2)


def arrow(x: float, y: float, towards: str, token: str, size: float = 5) -> str:
    """A triangle whose tip is at (x, y): the value lies further on."""
    return area(arrow_path(x, y, towards, size), token, 1)


def arrow_path(x: float, y: float, towards: str, size: float = 5) -> str:
    """The path of `arrow`, for many in one."""
    n, m = svg.number(size), svg.number(2 * size)
    turn = {"left": f"l{n}-{n}v{m}", "right": f"l-{n}-{n}v{m}", "up": f"l{n} {n}h-{m}", "down": f"l{n}-{n}h-{m}"}
    return f"M{svg.number(x)} {svg.number(y)}{turn[towards]}z"


def level_axis(scale: Scale, top: float, bottom: float, label: Callable[[float], str], width: float) -> str:
    """Upright grid lines from `top` to `bottom` and their labels below, those that have room in the width."""
    grid, labels, free, before = "", "", 0.0, ""
    for value in scale.ticks:
        x, shown = scale(value), shorten(label(value), _TICK)
        grid += f"M{svg.number(x)} {svg.number(top)}V{svg.number(bottom)}"
        half = breadth(shown) / 2
        middle = min(max(x, half + 1), width - half - 1)
        if shown != before and middle - half >= free:
            labels += svg.text(shown, round(middle, 1), bottom + 20, text_anchor="middle", class_="f-muted")
            free, before = middle + half + 8, shown
    return svg.element("path", d=grid, class_="s-line") + labels


def gutter(scale: Scale, label: Callable[[float], str]) -> float:
    """The room that an upright axis's labels need."""
    return min(max(breadth(label(value)) for value in scale.ticks), _TICK) + 10


def upright_axis(scale: Scale, left: float, right: float, label: Callable[[float], str]) -> str:
    """Level grid lines from `left` to `right` and their labels before them."""
    grid, labels, before = "", "", ""
    for value in scale.ticks:
        y, shown = scale(value), shorten(label(value), _TICK)
        grid += f"M{svg.number(left)} {svg.number(y)}H{svg.number(right)}"
        if shown != before:
            labels += svg.text(shown, left - 8, y + 5, text_anchor="end", class_="f-muted")
            before = shown
    return svg.element("path", d=grid, class_="s-line") + labels


def _straight(x1: float, y1: float, x2: float, y2: float) -> str:
    if y1 == y2:
        return f"H{svg.number(x2)}"
    return f"V{svg.number(y2)}" if x1 == x2 else f"L{svg.number(x2)} {svg.number(y2)}"


def _tenths(pixels: Values) -> list[int]:
    return [int(pixel) for pixel in np.rint(pixels * 10).tolist()]


@cache
def _tenth(tenths: int) -> str:
    shown = f"{tenths / 10:g}"
    return shown.replace("0.", ".", 1) if shown.startswith(("0.", "-0.")) else shown


@cache
def _signed(tenths: int) -> str:
    return _tenth(tenths) if tenths < 0 else f" {_tenth(tenths)}"
