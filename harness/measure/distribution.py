"""What a sample looks like, and how much of it the sample can really show. Never prints a percentile it cannot hold.

A percentile is given only where a two-sided 95 % order-statistic interval for it exists: [X(1), X(n)] covers the p-quantile
with probability 1 − pⁿ − (1−p)ⁿ, which reaches 0.95 from n = 6 (p50), 29 (p90), 59 (p95) and 299 (p99) independent values.
Tokens of one trial are not independent: n_eff = n (1 − ρ)/(1 + ρ), ρ their lag-1 autocorrelation within trials.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from harness.errors import BadInput
from harness.measure.order import quantiles

__all__ = [
    "PERCENTS",
    "Distribution",
    "Percentile",
    "distribution",
    "lag1_autocorrelation",
    "required_samples",
    "shown_range",
]

Values = NDArray[np.float64]

PERCENTS = (5, 25, 50, 75, 90, 95, 99)
_SHARES = tuple(percent / 100 for percent in PERCENTS)
_LEVEL = 0.95
_REACH = 0.5  # of the range from 5 % to 95 %: how far beyond it a picture follows the sample


@dataclass(frozen=True, slots=True)
class Percentile:
    """The `percent`-th percentile in the sample's unit, or None and the `reason`."""

    percent: int
    value: float | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Distribution:
    """A sample of `n` values, worth `n_eff` independent ones; all but the counts and `cv` in the sample's unit.

    `sd` has n − 1 in the denominator; `sd` and `cv` are None for a single value, `cv` for a mean of 0.
    """

    n: int
    n_eff: float
    mean: float
    sd: float | None
    cv: float | None
    min: float
    max: float
    percentiles: tuple[Percentile, ...]

    def at(self, percent: int) -> Percentile:
        """The percentile of that number, one of `PERCENTS`."""
        return next(entry for entry in self.percentiles if entry.percent == percent)


@lru_cache(maxsize=256)
def required_samples(percent: float, level: float = _LEVEL) -> int:
    """The smallest number of independent values for which the percentile has a two-sided interval at `level`."""
    p = percent / 100
    if not (0 < p < 1 and 0 < level < 1):
        raise BadInput(f"no sample can hold percentile {percent} at level {level}", where="required_samples")
    n = max(1, math.floor(math.log(1 - level) / math.log(max(p, 1 - p))))
    while p**n + (1 - p) ** n > 1 - level:
        n += 1
    return n


def distribution(values: Values, rho: float = 0.0) -> Distribution | None:
    """Summary of `values`, shape (n,), any unit; None for an empty sample. `rho` is their lag-1 autocorrelation, ≥ 0.

    Percentiles are linear interpolations between order statistics (Hyndman & Fan 1996, type 7, numpy's default).
    """
    if values.size == 0:
        return None
    n = int(values.size)
    n_eff = n * (1 - rho) / (1 + rho)
    mean = float(values.mean())
    sd = float(values.std(ddof=1)) if n > 1 else None
    return Distribution(
        n=n,
        n_eff=n_eff,
        mean=mean,
        sd=sd,
        cv=None if sd is None or mean == 0 else sd / abs(mean),
        min=float(values.min()),
        max=float(values.max()),
        percentiles=tuple(_held(p, q, n_eff) for p, q in zip(PERCENTS, quantiles(values, _SHARES), strict=True)),
    )


def shown_range(values: Values) -> tuple[float, float]:
    """From where to where a picture of `values`, shape (n,), n ≥ 1, is drawn; their unit. What lies outside is to be counted.

    From the 0.5 to the 99.5 % point, but never further than half of the range from 5 to 95 % beyond that range: one value in
    twenty can't press the others into one bar.
    """
    least, low, high, most = quantiles(values, (0.005, 0.05, 0.95, 0.995))
    reach = _REACH * (high - low)
    return max(least, low - reach), min(most, high + reach)


def _held(percent: int, value: float, n_eff: float) -> Percentile:
    needed = required_samples(percent)
    if n_eff >= needed:
        return Percentile(percent, value)
    return Percentile(percent, None, f"needs {needed} independent values, the sample is worth {math.floor(n_eff)}")


def lag1_autocorrelation(rows: Sequence[Values]) -> float:
    """Lag-1 autocorrelation within the rows of all matrices (r, n), pooled, each row about its own mean; −1 … 1.

    0 where nothing varies. A single series is one matrix of one row.
    """
    product = square = 0.0
    for matrix in rows:
        centred = matrix - matrix.mean(axis=1, keepdims=True)
        product += float(np.einsum("ij,ij->", centred[:, 1:], centred[:, :-1]))
        rounding = (np.abs(matrix).max(initial=0.0) * 1e-14) ** 2 * matrix.size
        energy = float(np.einsum("ij,ij->", centred, centred))
        square += energy if energy > rounding else 0.0
    return product / square if square > 0 else 0.0
