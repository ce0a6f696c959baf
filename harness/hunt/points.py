"""Is it a change, by its history? A point is one night's comparison of the newest release with the last one. Pure.

A change needs p < 0.001, 5 % of size, and two successive points that say so with one sign, before it is even a candidate.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean, stdev

from harness.errors import RecordInvalid
from harness.measure.comparison import Verdict
from harness.measure.logs import logs_of
from harness.measure.student import t_cdf, t_quantile
from harness.tiers.regressions import Label

SIZE = 0.05  # of the smaller rate against the larger: by so much a change is worth a look
P = 0.001
SUCCESSIVE = 2
PAIRS = 8  # processes of each, a night


@dataclass(frozen=True, slots=True)
class Point:
    """One night: newest / last by speed (more is faster) with its 95 % interval; `p` that they are equal, two-sided."""

    ratio: float
    low: float
    high: float
    p: float

    @property
    def sign(self) -> Verdict:
        """Whether this night alone shows a change of the size."""
        if self.p >= P:
            return Verdict.CANNOT_TELL
        if self.ratio <= 1 - SIZE:
            return Verdict.SLOWER
        return Verdict.FASTER if self.ratio >= 1 / (1 - SIZE) else Verdict.SAME


class Standing(StrEnum):
    """What the points of one step from release to release say."""

    CANDIDATE = "candidate"
    SETTLED = "settled"  # two successive points without a change: it needs no third
    OPEN = "open"  # another point is needed


@dataclass(frozen=True, slots=True)
class Judged:
    """`label` as the registry's regressions call it."""

    standing: Standing
    label: Label


def point(newest: Sequence[float], last: Sequence[float]) -> Point:
    """Of pairs of speeds, shapes (n,), n ≥ 2: Student's t of the mean log ratio. Raises `RecordInvalid` for anything else."""
    if len(newest) != len(last) or len(newest) < 2:
        raise RecordInvalid(f"{len(newest)} and {len(last)} processes are no pairs", where="watch")
    distances = [logs_of([a]).mean - logs_of([b]).mean for a, b in zip(newest, last, strict=True)]
    n, mean = len(distances), fmean(distances)
    error = stdev(distances) / math.sqrt(n)
    margin = t_quantile(0.975, n - 1) * error
    p = 2 * t_cdf(-abs(mean) / error, n - 1) if error else float(mean == 0)
    return Point(math.exp(mean), math.exp(mean - margin), math.exp(min(mean + margin, 700.0)), p)


def judge(points: Sequence[Point]) -> Judged:
    """What the nights so far say, the last one last."""
    signs = [one.sign for one in points[-SUCCESSIVE:]]
    if len(signs) < SUCCESSIVE:
        return Judged(Standing.OPEN, Label.INSUFFICIENT)
    if set(signs) == {Verdict.SLOWER}:
        return Judged(Standing.CANDIDATE, Label.POSSIBLE_REGRESSION)
    if set(signs) == {Verdict.FASTER}:
        return Judged(Standing.CANDIDATE, Label.POSSIBLE_IMPROVEMENT)
    changed = {Verdict.SLOWER, Verdict.FASTER} & set(signs)
    return Judged(Standing.OPEN if changed else Standing.SETTLED, Label.INSUFFICIENT)
