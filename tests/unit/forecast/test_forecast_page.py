"""The page of forecasts' errors says which of its figures lie outside the bars."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs/measurements/forecast.md"
WAYS = ("by measurement", "by row", "by group")
BARS = ((95, 92.0, 98.0), (80, 75.0, 85.0))


def test_every_figure_of_the_table_outside_the_bars_is_named_and_no_other() -> None:
    text = PAGE.read_text("utf-8").partition("## Coverage")[2].partition("\n## ")[0]
    told = {way: re.findall(rf"^- {way}: (.*)$", text, re.MULTILINE)[0] for way in WAYS}
    wanted = dict.fromkeys(WAYS, 0)
    for row in re.findall(r"^\| ([a-z ]+) \| (decode|prefill) \| \d+ \| (.*) \|$", text, re.MULTILINE):
        shares = [float(cell) for cell in row[2].split(" | ")]
        for (level, least, most), own in zip(BARS, (shares[:3], shares[3:]), strict=True):
            for way, share in zip(WAYS, own, strict=True):
                name = f"{row[0]}, {row[1]}: {level} % hold {share:.1f} % (too {'wide' if share > most else 'narrow'})"
                assert (name in told[way]) is not (least <= share <= most)
                wanted[way] += name in told[way]
    assert all(told[way].count("% hold") == wanted[way] > 0 for way in WAYS)
