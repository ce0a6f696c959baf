"""Statistics of interleaved pairs: the ratio's geometric mean with Student's t interval on its logarithms."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.measure.student import t_quantile


@dataclass(frozen=True)
class Ratio:
    """A / B over pairs."""

    point: float
    low: float
    high: float
    pairs: int

    def __str__(self) -> str:
        return f"{self.point:.4f} [{self.low:.4f}, {self.high:.4f}]"

    def touches(self, low: float, high: float) -> bool:
        """Whether the interval meets [low, high]."""
        return self.low <= high and self.high >= low


def ratio(a: Sequence[float], b: Sequence[float]) -> Ratio:
    """The 95 % interval of A / B; a[i] and b[i] were measured next to each other."""
    logs = np.log(np.asarray(a) / np.asarray(b))
    mean, n = float(logs.mean()), len(logs)
    margin = t_quantile(0.975, n - 1) * float(logs.std(ddof=1)) / math.sqrt(n)
    return Ratio(math.exp(mean), math.exp(mean - margin), math.exp(mean + margin), n)


def cv(values: Sequence[float]) -> float:
    """Standard deviation of the logarithms."""
    return float(np.log(np.asarray(values)).std(ddof=1))


def cv_ratio(a: Sequence[float], b: Sequence[float]) -> Ratio:
    """cv(a) / cv(b) with the 95 % interval of a ratio of variances (F distribution, normal logarithms)."""
    from scipy import stats

    point = cv(a) / cv(b)
    low, high = stats.f.ppf([0.025, 0.975], len(a) - 1, len(b) - 1)
    return Ratio(point, point / math.sqrt(high), point / math.sqrt(low), min(len(a), len(b)))
