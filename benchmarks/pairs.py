"""Statistics of interleaved pairs: the ratio A / B with its interval, whether it is equivalent to 1, and when that is decided.

The ratio is the median over pairs, its interval that of the order statistics: exact for any distribution, so that a pair in
which the machine was busy moves nothing. An interval that is looked at several times is widened so that all looks together
hold at 95 % (Bonferroni): whoever goes on until it decides must pay for that.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

import numpy as np

from harness.measure.student import t_quantile

BAND = (0.98, 1.02)
LEVEL = 0.95
LEAST_PAIRS = 100  # that a parity is decided by
LEAST_RUNS = 30  # that a ratio of two deviations is decided by: a bootstrap of fewer is too narrow
RESAMPLES = 10_000


class Verdict(StrEnum):
    """What an interval says against a band."""

    EQUIVALENT = "equivalent"
    NOT_EQUIVALENT = "not equivalent"
    UNDECIDED = "undecided"


@dataclass(frozen=True)
class Ratio:
    """A / B over pairs; `low` and `high` are infinitely far where the pairs are too few for an interval."""

    point: float
    low: float
    high: float
    pairs: int

    def __str__(self) -> str:
        return f"{self.point:.4f} [{self.low:.4f}, {self.high:.4f}]"


def median_ratio(a: Sequence[float], b: Sequence[float], level: float = LEVEL) -> Ratio:
    """The median of a[i] / b[i], which were measured next to each other, and its interval at `level`.

    [X(k), X(n+1−k)] with the largest k for which 2·P(Binomial(n, ½) < k) ≤ 1 − level (David & Nagaraja 2003, 7.1).
    """
    ratios = np.sort(_logs(a, b))
    n = len(ratios)
    k = _rank(n, level)
    low, high = (ratios[k - 1], ratios[n - k]) if k else (-math.inf, math.inf)
    return Ratio(math.exp(float(np.median(ratios))), math.exp(low), math.exp(high), n)


def mean_ratio(a: Sequence[float], b: Sequence[float], level: float = LEVEL) -> Ratio:
    """The geometric mean of a[i] / b[i] with Student's interval on the logarithms."""
    logs = _logs(a, b)
    mean, n = float(logs.mean()), len(logs)
    if n < 2:
        return Ratio(math.exp(mean), 0.0, math.inf, n)
    margin = t_quantile((1 + level) / 2, n - 1) * float(logs.std(ddof=1)) / math.sqrt(n)
    return Ratio(math.exp(mean), math.exp(mean - margin), math.exp(mean + margin), n)


def verdict(found: Ratio, band: tuple[float, float] = BAND, least: int = LEAST_PAIRS) -> Verdict:
    """By the whole interval: inside the band, outside of it, or neither. Fewer than `least` pairs decide nothing."""
    if found.pairs < least:
        return Verdict.UNDECIDED
    if band[0] <= found.low and found.high <= band[1]:
        return Verdict.EQUIVALENT
    if found.high < band[0] or band[1] < found.low:
        return Verdict.NOT_EQUIVALENT
    return Verdict.UNDECIDED


def met(found: Ratio, said: Verdict, floor: float | None = None) -> str:
    """Equivalent, and the point not below its floor: "yes"; what is undecided is neither met nor missed."""
    if said is Verdict.UNDECIDED:
        return "not decided"
    return "yes" if said is Verdict.EQUIVALENT and (floor is None or found.point >= floor) else "NO"


def level_of(looks: int, level: float = LEVEL) -> float:
    """The level of each of `looks` intervals, so that all of them hold together at `level`."""
    return 1 - (1 - level) / looks


def below(found: Ratio, bar: float, least: int = LEAST_RUNS) -> str:
    """Whether the whole interval lies below the bar. Fewer than `least` runs decide nothing."""
    if found.pairs < least:
        return "not decided"
    if found.high < bar:
        return "yes"
    return "NO" if found.low >= bar else "not decided"


@dataclass(frozen=True)
class Quantity:
    """What is compared: its name on the page, and the least point that it must have (None: only the band)."""

    title: str
    floor: float | None = None


@dataclass
class Series:
    """The pairs of one quantity in the order of time: rates, and who came first."""

    ours: list[float] = field(default_factory=list)
    its: list[float] = field(default_factory=list)
    first: list[str] = field(default_factory=list)

    def ratio(self, level: float = LEVEL) -> Ratio:
        """Ours / its."""
        return median_ratio(self.ours, self.its, level)


def until_decided(
    names: Iterable[str],
    add: Callable[[str, int, Series], None],
    looks: Sequence[int],
    limit_s: float,
    clock: Callable[[], float] = time.monotonic,
    band: tuple[float, float] = BAND,
) -> dict[str, Series]:
    """The pairs of each quantity; `add` measures so many more of one. Looked at is only after `looks` pairs in all: what is
    decided then gets no more, and after `limit_s` seconds nothing does.
    """
    made = {name: Series() for name in names}
    level, until = level_of(len(looks)), clock() + limit_s
    for look in looks:
        for name, series in made.items():
            decided = bool(series.ours) and verdict(series.ratio(level), band) is not Verdict.UNDECIDED
            if not decided and clock() < until:
                add(name, look - len(series.ours), series)
    return made


def cv(values: Sequence[float]) -> float:
    """Standard deviation of the logarithms."""
    return float(np.log(np.asarray(values)).std(ddof=1))


def cv_ratio(a: Sequence[float], b: Sequence[float], groups: int | None = None, seed: int = 0) -> Ratio:
    """cv(a) / cv(b) with a 95 % interval: a percentile bootstrap over `groups` of neighbours, which are drawn together.

    `a` and `b` are in the order of time and each a whole number of values a group; the noise that neighbours share then
    cancels. By default each pair is a group.
    """
    count = len(a) if groups is None else groups
    if count < 2 or len(a) % count or len(b) % count:
        raise ValueError(f"{len(a)} and {len(b)} values are no {count} groups of two or more")
    left, right = (np.log(np.asarray(values, dtype=np.float64)).reshape(count, -1) for values in (a, b))
    drawn = np.random.default_rng(seed).integers(count, size=(RESAMPLES, count))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = _spread(left[drawn]) / _spread(right[drawn])
    low, high = np.quantile(ratios[np.isfinite(ratios)], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Ratio(cv(a) / cv(b), float(low), float(high), count)


def _spread(drawn: np.ndarray) -> np.ndarray:
    return np.asarray(drawn.reshape(len(drawn), -1).std(axis=1, ddof=1))


def _logs(a: Sequence[float], b: Sequence[float]) -> np.ndarray:
    if not a or len(a) != len(b):
        raise ValueError(f"{len(a)} and {len(b)} values are no pairs")
    return np.log(np.asarray(a, dtype=np.float64) / np.asarray(b, dtype=np.float64))


def _rank(n: int, level: float) -> int:
    """The k of the order statistics; 0 where even the whole sample holds less than `level`."""
    allowed = Fraction(1 - level) / 2 * 2**n  # exact: 2**1024 is no float
    below = rank = 0
    while rank < n // 2 and below + math.comb(n, rank) <= allowed:
        below += math.comb(n, rank)
        rank += 1
    return rank
