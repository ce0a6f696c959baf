"""Shape of a series over time: Mann-Kendall's test, Theil-Sen's slope, thirds, two clusters, lag-1 correlation. Pure."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from harness.measure.order import median

__all__ = ["bimodal_gap", "mann_kendall_p", "robust_sd", "theil_sen_change", "thirds_change"]

Values = NDArray[np.float64]


def mann_kendall_p(values: Values) -> float:
    """Two-sided p of no monotonic trend (Mann 1945, Kendall 1975), normal approximation with ties; 1 below 6 values."""
    n = values.size
    if n < 6:
        return 1.0
    signs = np.sign(values[np.newaxis, :] - values[:, np.newaxis])
    score = float(np.triu(signs, 1).sum())
    _, counts = np.unique(values, return_counts=True)
    ties = float((counts * (counts - 1) * (2 * counts + 5)).sum())
    variance = (n * (n - 1) * (2 * n + 5) - ties) / 18
    if variance <= 0 or score == 0:
        return 1.0
    z = (abs(score) - 1) / math.sqrt(variance)
    return math.erfc(z / math.sqrt(2))


def theil_sen_change(values: Values) -> float:
    """Median of all pairwise slopes times the length, relative to the median: the total drift, signed."""
    n = values.size
    if n < 2:
        return 0.0
    i, j = np.triu_indices(n, 1)
    slope = median((values[j] - values[i]) / (j - i))
    return slope * (n - 1) / median(values)


def robust_sd(values: Values) -> float:
    """1.4826 · MAD: the standard deviation of normal data, deaf to outliers."""
    return 1.4826 * median(np.abs(values - median(values)))


def thirds_change(values: Values) -> tuple[float, float]:
    """Median of the last third against the first, relative, and the standard error of that difference."""
    third = values.size // 3
    if third < 3:
        return 0.0, math.inf
    first, last = values[:third], values[-third:]
    middle = median(values)
    # The error comes from the scatter within the thirds: the change itself must not hide behind it. 1.2533 is the
    # standard error of a median over that of a mean.
    scatter = math.sqrt((robust_sd(first) ** 2 + robust_sd(last) ** 2) / 2)
    error = 1.2533 * scatter * math.sqrt(2 / third) / middle
    return (median(last) - median(first)) / middle, error


def bimodal_gap(values: Values) -> float:
    """The widest gap between sorted neighbours with at least 20 % of the values on either side, relative to the median."""
    n = values.size
    if n < 10:
        return 0.0
    ordered = np.sort(values)
    least = math.ceil(0.2 * n)
    gaps = np.diff(ordered)[least - 1 : n - least]
    return float(gaps.max() / median(ordered)) if gaps.size else 0.0
