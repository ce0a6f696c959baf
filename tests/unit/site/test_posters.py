"""Drawings below each other as one picture: every line of it fits its width."""

import re

import pytest

from harness.site.draw.charts import Chart, curve
from harness.site.draw.charts.chart import EDGE, WIDTH
from harness.site.draw.charts.text_width import breadth
from harness.site.draw.poster import BOLD, poster


def drawn(title: str) -> Chart:
    points = [(1.0, 2.0, None, None), (2.0, 3.0, None, None)]
    return curve(points, title=title, x_label="x", y_label="y", fmt=str, key="k")


@pytest.mark.parametrize(
    "title", ["Time to first token of 128 \u2192 64 tokens by requests at once", "Decode of decode-128 " * 8, "short"]
)
def test_a_title_is_whole_and_fits_in_bold(title):
    found = poster("heading", [], [], [drawn(title)])
    lines = re.findall(r'font-weight="600"[^>]*>([^<]*)<', found)
    assert " ".join(lines).split() == title.split()
    assert all(breadth(line) * BOLD <= WIDTH - 2 * EDGE for line in lines)
