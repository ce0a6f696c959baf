"""Charts below each other under a heading, as one drawing that stands alone: it says what a picture without its page must."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from harness.errors import visible
from harness.site.draw import svg
from harness.site.draw.charts import Chart
from harness.site.draw.charts.chart import EDGE, WIDTH
from harness.site.draw.charts.text_width import SIZE, breadth, shorten

_LINE = 20.0
BOLD = 1.12  # how much broader than plain
_SIZE = re.compile(r'viewBox="0 0 [0-9.]+ ([0-9.]+)"')
_MOST_LINES = 6  # of one text


def poster(heading: str, warnings: Sequence[str], lines: Sequence[str], drawn: Sequence[Chart]) -> str:
    """An SVG file: the heading, the warnings in their colour, the lines, and each chart under its title."""
    body, y = "", 14.0
    texts = [
        (heading, "ink", "700"),
        *((text, "bad", "700") for text in warnings),
        *((text, "ink", "400") for text in lines),
    ]
    for text, token, weight in texts:
        for part in _wrapped(text):
            y += _LINE
            body += svg.text(part, EDGE, y, class_=f"f-{token}", font_weight=weight)
        y += 4
    for chart in drawn:
        y += 8
        for part in _wrapped(chart.title):
            y += _LINE
            body += svg.text(part, EDGE, y, font_weight="600")
        y += 8
        found = _SIZE.search(chart.svg)
        body += chart.svg.replace("<svg ", f'<svg x="0" y="{svg.number(y)}" ', 1)
        y += float(found[1]) if found else 0.0
    panel = svg.element("rect", width=WIDTH, height=y + 12, class_="f-panel")
    whole = svg.element("g", body, font_size=SIZE)
    drawing = svg.drawing(panel + whole, WIDTH, y + 12, heading, " ".join((*warnings, *lines)), "poster")
    return visible(svg.alone(drawing), keep="\n\t")  # what turns a line round stands in no picture


def _wrapped(text: str) -> Iterator[str]:
    """Lines that fit the width, at words; a word that is too long is shortened, and so is a text of too many lines."""
    line, made = "", 0
    room = (WIDTH - 2 * EDGE) / BOLD
    for word in text.split():
        longer = f"{line} {word}".strip()
        if line and breadth(longer) > room:
            made += 1
            yield shorten(line, room) + ("…" if made == _MOST_LINES else "")
            if made == _MOST_LINES:
                return
            line = word
        else:
            line = longer
    if line:
        yield shorten(line, room)
