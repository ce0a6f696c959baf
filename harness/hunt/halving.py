"""What to measure next, and what is found, from the verdicts so far. Pure.

Places are those of the releases, oldest first: 0 is *good*, which all are held against, the last is *bad*. What lies between
the last unchanged and the first changed place is halved. A place that can't be told, or can't be measured, is passed over: its
neighbours are tried. Halving takes it that a change stays; of several changes one is found.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

ALPHA = 0.05  # of a whole hunt: that any of its verdicts is wrong


class Verdict(StrEnum):
    """Of one place, against good."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    CANNOT_TELL = "cannot_tell"
    SKIPPED = "skipped"  # it can't be installed, or does not run


class End(StrEnum):
    """What a hunt comes to."""

    FOUND = "found"
    NOTHING = "nothing"  # bad is surely not slower than good by more than the band
    CANNOT_TELL = "cannot_tell"  # whether bad is


@dataclass(frozen=True, slots=True)
class Measure:
    """Measure this place next."""

    place: int


@dataclass(frozen=True, slots=True)
class Ended:
    """`first`: the first place that surely changed, after `last`, the last that surely did not; None where nothing is found.

    `between`: places between these two of which neither is known; one of them may be the first.
    """

    end: End
    last: int | None = None
    first: int | None = None
    between: tuple[int, ...] = ()


def following(count: int, verdicts: Mapping[int, Verdict]) -> Measure | Ended:
    """Of `count` places, 2 or more, with these verdicts: bad first, then the middle of what is open."""
    bad = verdicts.get(count - 1)
    if bad is None:
        return Measure(count - 1)
    if bad is Verdict.UNCHANGED:
        return Ended(End.NOTHING)
    if bad is not Verdict.CHANGED:
        return Ended(End.CANNOT_TELL)
    first = min(place for place, verdict in verdicts.items() if verdict is Verdict.CHANGED)
    last = max((p for p, verdict in verdicts.items() if verdict is Verdict.UNCHANGED and p < first), default=0)
    open_places = [place for place in range(last + 1, first) if place not in verdicts]
    if not open_places:
        return Ended(End.FOUND, last, first, tuple(range(last + 1, first)))
    return Measure(min(open_places, key=lambda place: (abs(2 * place - last - first), place)))


def steps(count: int) -> int:
    """How many comparisons halving takes at most, where each can be told: that of bad, and log2 of the gaps."""
    return 1 + math.ceil(math.log2(count - 1)) if count > 1 else 0


def alpha_of(count: int) -> float:
    """The error of one comparison, one-sided, so that all that halving takes have ALPHA together."""
    return ALPHA / max(steps(count), 1)
