"""A chart: a drawing together with the table of its numbers; and what all charts have round their plot."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from harness import units
from harness.site.draw import svg
from harness.site.draw.charts.text_width import SIZE, breadth, shorten

WIDTH = 460.0
EDGE = 8.0  # free on either side, so that marks at the end of a scale stay inside
AXIS = 28.0  # below a plot, for the labels of its ticks
MOST_ROWS = 40  # drawn; the table has all
KEY_ROW = 22.0
Entry = tuple[Callable[[float, float], str], str]  # of a legend: a sample, drawn from (x, y), and its words
VALUE = 110.0  # at most, of the width, for a value as text


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing for a page, and its data as a table to show below it."""

    title: str
    svg: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def finish(
    body: str, height: float, gist: str, *, title: str, key: str, head: Sequence[str], rows: Iterable[Sequence[str]]
) -> Chart:
    """The chart round a drawn plot; `gist` tells in words what the picture shows."""
    drawn = svg.drawing(svg.element("g", body, font_size=SIZE), WIDTH, height, title, gist, key)
    return Chart(title, drawn, tuple(head), tuple(tuple(row) for row in rows))


def nothing(*, title: str, key: str, head: Sequence[str]) -> Chart:
    """The chart of no data, which says so."""
    said = svg.text("no data", WIDTH / 2, 35, text_anchor="middle", class_="f-muted")
    return finish(said, 60, "There is no data.", title=title, key=key, head=head, rows=())


def legend(entries: Iterable[Entry], y: float = 0) -> tuple[str, float]:
    """Samples with their words, in rows from `y` down, and where they end. A sample is drawn 26 pixels wide from (x, y)."""
    drawn, x = "", EDGE
    for sample, words in entries:
        shown = shorten(words, WIDTH - 2 * EDGE - 34)
        broad = 34 + breadth(shown)
        if x > EDGE and x + broad > WIDTH - EDGE:
            x, y = EDGE, y + KEY_ROW
        drawn += sample(x, y + 10) + svg.text(shown, x + 33, y + 15)
        x += broad + 16
    return drawn, y + KEY_ROW + 6


def more(total: int, y: float) -> str:
    """The line below the last drawn row that says how many are only in the table."""
    return svg.text(f"and {units.whole(total - MOST_ROWS)} more in the table", EDGE, y, class_="f-muted")
