"""The logarithms of a run's process medians, as far as a comparison needs them. Without numpy: it is a handful of numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import RecordInvalid


@dataclass(frozen=True, slots=True)
class Logs:
    """Number of processes, mean and sample variance (ddof=1; 0.0 where n < 2) of the logs of its medians, any unit."""

    n: int
    mean: float
    variance: float


def logs_of(medians: Sequence[float]) -> Logs:
    """Of one run's medians, shape (n,). Raises `RecordInvalid` unless there are some, all of them positive and finite."""
    values = [float(median) for median in medians]
    if not values or not all(0 < value < math.inf for value in values):
        raise RecordInvalid("a comparison needs positive, finite process medians on both sides", where="comparison")
    logs = [math.log(value) for value in values]
    n = len(logs)
    mean = math.fsum(logs) / n
    variance = math.fsum((value - mean) ** 2 for value in logs) / (n - 1) if n > 1 else 0.0
    return Logs(n, mean, variance)
