"""How often `repro bisect` names the release that made it slower, on histories of a planted truth, and how much it measures.

    python benchmarks/hunt.py [--hunts 1000] [--out docs/measurements/bisect.md]

Rule and driver are the real ones (`harness/hunt/`); the releases are simulated (`tests/support/simulated_hunts.py`): the median
of each process scatters by the given deviation, everything from a random release on is slower by the planted share.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import machine

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.support.simulated_hunts import shares

PLANTED = (1.0, 0.97, 0.96, 0.95, 0.9)
BETWEEN = (0.005, 0.01, 0.02, 0.03)
RELEASES = 16


def table(hunts: int) -> list[str]:
    """A line a scatter and a planted share."""
    lines = [
        "| scatter of processes | planted | right release, alone | wrong | nothing found | left open | comparisons | pairs |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for between in BETWEEN:
        for planted in PLANTED:
            found = shares(hunts, releases=RELEASES, planted=planted, between=between)
            name = "flat" if planted == 1 else f"{100 * (1 - planted):.0f} % slower"
            left = 1 - found.right - found.wrong - found.nothing
            cells = [f"{100 * share:.1f} %" for share in (found.right, found.wrong, found.nothing, max(left, 0.0))]
            means = f"{found.steps:.2f} | {found.pairs:.1f}"
            lines.append(f"| {100 * between:g} % | {name} | {' | '.join(cells)} | {means} |")
    return lines


def main() -> None:
    """Print the page, or write it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hunts", type=int, default=1000)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    lines = [
        "# Hunting for a slower release, simulated",
        "",
        f"Made by `python benchmarks/hunt.py --hunts {asked.hunts}`. {machine.line()}.",
        "",
        f"{asked.hunts} hunts a line through {RELEASES} releases, band 3 %, at most 24 pairs of processes in a comparison.",
        "Everything from a random release on is slower by the planted share. The bars are at 1 % of scatter: the right release",
        "of 5 % in 95 of 100 or more, 6 comparisons or fewer on average, *nothing found* of a flat history in 95 of 100 or more.",
        "",
        *table(asked.hunts),
        "",
        "*Left open*: the hunt could not tell, or named two neighbours of which one is the first. A release that is 3 % slower",
        "lies on the edge of the band: there, naming one is an error, and stays below 5 % ([how](../bisect.md#the-rule)).",
        "On a machine of twice the scatter 24 pairs often can't tell 5 %; `--pairs` gives it more.",
        "",
    ]
    text = "\n".join(lines)
    if asked.out is None:
        print(text)
    else:
        asked.out.write_text(text)


if __name__ == "__main__":
    main()
