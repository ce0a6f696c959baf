"""The verdicts of many records at once, the very ones that `judge` gives one by one. Pure."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from harness.measure.student import LEAST_PROCESSES, t_quantile
from harness.tiers.policy import Policy
from harness.tiers.values import Mark

Floats = NDArray[np.float64]

UNSURE = np.int8(-1)  # too near an edge for the table of quantiles: ask `judge`
MARKS = (Mark.INSIDE, Mark.OUTSIDE, Mark.INCONCLUSIVE)  # by the numbers that `marks` gives
_GRID = 1024
_NEAR = 1e-5  # of 1 + the half width, in logs; the table is good to 1e-6 of a half width


def marks(hubs: Floats, records: Floats, policy: Policy) -> NDArray[np.int8]:
    """Shape (m,) of places in `MARKS`, or `UNSURE`, of m records against their hubs.

    Both arguments have shape (4, m): number of processes, mean and variance of the logs, and 1.0 for a fixed number of processes.
    Welch's interval as in `harness.measure.comparison.compare`; Student's quantile is taken from a table in 1/df.
    """
    n_h, mean_h, var_h, fixed_h = hubs
    n_r, mean_r, var_r, fixed_r = records
    few = np.minimum(n_h, n_r) < LEAST_PROCESSES
    with np.errstate(divide="ignore", invalid="ignore"):
        a, b = var_r / n_r, var_h / n_h
        total = a + b
        share = np.where(total > 0, a / total, 0.0)
        rest = np.where(total > 0, 1 - share, 0.0)
        inverse_df = np.where(
            total > 0, share**2 / (n_r - 1) + rest**2 / (n_h - 1), 1.0 / np.maximum(n_h + n_r - 2, 1.0)
        )
    inverse_df = np.clip(np.where(few, 0.5, inverse_df), 0.0, 0.5)
    t = np.where((fixed_h > 0) & (fixed_r > 0), _t(policy.alpha_fixed, inverse_df), _t(policy.alpha_looks, inverse_df))
    distance, margin = mean_r - mean_h, t * np.sqrt(total)
    low, high = distance - margin, distance + margin
    low_edge, high_edge = math.log(policy.band_low), math.log(policy.band_high)
    found = np.full(distance.shape, 2, dtype=np.int8)
    found[(low >= low_edge) & (high <= high_edge)] = 0
    found[(low > high_edge) | (high < low_edge)] = 1
    near = np.zeros(distance.shape, dtype=bool)
    for end in (low, high):
        for edge in (low_edge, high_edge):
            near |= np.abs(end - edge) < _NEAR * (1 + margin)
    found[near] = UNSURE
    found[few] = 2
    return found


def _t(alpha: float, inverse_df: Floats) -> Floats:
    grid, values = _table(alpha)
    return np.interp(inverse_df, grid, values)


@lru_cache(maxsize=8)
def _table(alpha: float) -> tuple[Floats, Floats]:
    """Quantiles of Student's t over 1/df from 0 (normal) to 1/2, linear in between."""
    grid = np.linspace(0.0, 0.5, _GRID)
    return grid, np.array([t_quantile(1 - alpha, 1 / x if x else math.inf) for x in grid])
