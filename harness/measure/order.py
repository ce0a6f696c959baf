"""Medians and quantiles of small samples: numpy's numbers, bit for bit, without the calls that cost ten times the sorting."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["median", "quantiles"]

Values = NDArray[np.float64] | NDArray[np.int64]


def median(values: Values) -> float:
    """The median of `values`, shape (n,), n ≥ 1, finite: `float(np.median(values))`."""
    ordered = np.sort(values)
    middle = ordered.size // 2
    if ordered.size % 2:
        return float(ordered[middle])
    return (float(ordered[middle - 1]) + float(ordered[middle])) / 2


def quantiles(values: Values, shares: Sequence[float]) -> list[float]:
    """The quantiles of `values`, shape (n,), n ≥ 1, finite, at `shares` in 0 … 1: `np.quantile` (Hyndman & Fan 1996, type 7)."""
    ordered = np.sort(values)
    return [_between(ordered, share * (ordered.size - 1)) for share in shares]


def _between(ordered: NDArray[Any], place: float) -> float:
    below = math.floor(place)
    t = place - below
    low, high = float(ordered[below]), float(ordered[min(below + 1, ordered.size - 1)])
    # Numpy interpolates from the nearer end, so that t = 1 gives the upper value exactly.
    return high - (high - low) * (1 - t) if t >= 0.5 else low + (high - low) * t
