"""Intervals whose coverage is measured: quantiles of the errors that were made when a whole group was left out. Pure.

Split by groups as in hierarchical conformal prediction (Dunn, Wasserman, Ramdas 2023). The next question is about a device, or a
model, that may be like one measured once or like one measured often: half of the weight is each group's, half each measurement's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.forecast.pooling import Floats


@dataclass(frozen=True, slots=True)
class Reach:
    """How many of its standard deviations an interval reaches to each side."""

    of_80: float
    of_95: float


def reach(errors: Floats, keys: Sequence[str]) -> Reach:
    """`errors`: |residual| in standard deviations, each without its group; `keys`: the groups. Raises `ValueError` for none."""
    if not len(errors):
        raise ValueError("no errors to calibrate with")
    counts = Counter(keys)
    # One group more, of one measurement at infinity, stands for the one that is asked for.
    weights = np.array([0.5 / counts[key] / (len(counts) + 1) + 0.5 / (len(keys) + 1) for key in keys])
    order = np.argsort(errors)
    share = np.cumsum(weights[order])
    return Reach(
        *(float(errors[order][min(int(np.searchsorted(share, level)), len(order) - 1)]) for level in (0.8, 0.95))
    )
