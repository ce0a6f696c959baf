"""The estimate of a run: one number with its uncertainty, from values repeated where the variance arises.

Processes are the independent units (Kalibera & Jones, ISMM 2013): per process the median of its trial values, their geometric
mean as the point, and Student's t on their logarithms as the interval. Trials are never pooled over processes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.errors import RecordInvalid
from harness.measure.order import median
from harness.measure.student import LEAST_PROCESSES, t_quantile

__all__ = ["LEAST_PROCESSES", "Estimate", "estimate"]

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """`point`, `low`, `high` and `process_medians` in the metric's unit; `half_width`, `cv_within`, `cv_between` relative.

    `half_width` is (high − low)/(2 · point). `cv_between` is the standard deviation of the logs of the process medians
    (what the interval is made of); `cv_within` that of the logs of the trials about their process's mean, pooled over
    processes. None, with the `reason`, where there are too few processes or trials to tell.
    """

    point: float
    low: float | None
    high: float | None
    half_width: float | None
    n_processes: int
    n_trials: int
    process_medians: tuple[float, ...]
    cv_within: float | None
    cv_between: float | None
    level: float = 0.95
    reason: str = ""

    @property
    def decides(self) -> bool:
        """Whether a verdict may be built on it: three processes or more. Otherwise the point is all there is."""
        return self.n_processes >= LEAST_PROCESSES


def estimate(values_by_process: Sequence[Values], level: float = 0.95) -> Estimate | None:
    """The estimate from one value a valid timed trial, shape (t,) a process, positive, any unit.

    Processes without values do not count; without any value there is no estimate (None). Raises `RecordInvalid` for
    values that are not positive numbers.
    """
    filled = [np.asarray(values, dtype=np.float64) for values in values_by_process if len(values)]
    if not filled:
        return None
    if not all(np.isfinite(values).all() and (values > 0).all() for values in filled):
        raise RecordInvalid("an estimate needs positive, finite values", where="trial values")
    medians = tuple(median(values) for values in filled)
    logs = np.log(medians)
    n = len(medians)
    point = math.exp(float(logs.mean()))
    cv_between = float(logs.std(ddof=1)) if n > 1 else None
    low = high = half_width = None
    if cv_between is not None:
        margin = t_quantile((1 + level) / 2, n - 1) * cv_between / math.sqrt(n)
        half_width = math.sinh(margin) if margin < 700 else math.inf
        low, high = point * math.exp(-margin), point * math.exp(margin) if margin < 700 else math.inf
    return Estimate(
        point=point,
        low=low,
        high=high,
        half_width=half_width,
        n_processes=n,
        n_trials=sum(values.size for values in filled),
        process_medians=medians,
        cv_within=_cv_within(filled),
        cv_between=cv_between,
        level=level,
        reason=_reason(n),
    )


def _cv_within(filled: Sequence[Values]) -> float | None:
    freedom = sum(values.size - 1 for values in filled)
    if freedom == 0:
        return None
    squares = sum(float(((logs := np.log(values)) - logs.mean()) @ (logs - logs.mean())) for values in filled)
    return math.sqrt(squares / freedom)


def _reason(n: int) -> str:
    if n == 1:
        return "one process gives no interval; point estimate only"
    if n < LEAST_PROCESSES:
        return f"{n} processes decide nothing, {LEAST_PROCESSES} are needed; point estimate only"
    return ""
