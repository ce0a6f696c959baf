"""Which of several settings is the fastest, by rounds in which each is measured once: what surely is not drops out. Pure.

All values are natural logs of a rate, scores[candidate][round]. A round's own speed (heat, another program) is common to all of
its candidates and cancels: what counts is each candidate's distance to the leader within the rounds. The scatter is that of a
two-way layout (candidate + round), pooled over the candidates that are left, with (k − 1)(n − 1) degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.measure.student import t_quantile

ALPHA = 0.01  # of a round, over all of its candidates: that the best one drops out by chance
NEAR = math.log(1.01)  # candidates that are surely no further apart than this need no more rounds
LEAST_PAIRS = 4  # two orders and their reverses: a steady drift cancels


@dataclass(frozen=True, slots=True)
class Standing:
    """After a round: `leader` by its mean, `left` with it, `dropped` in this round, `tied`: all that are left are within 1 %.

    `margin`: how far behind the leader (log) a candidate must be to drop out; infinite after one round,
    which drops nothing: of one process the scatter is not known, and on a busy machine it may be a factor of two.
    """

    leader: int
    left: tuple[int, ...]
    dropped: tuple[int, ...]
    tied: bool
    margin: float


def standing(scores: Mapping[int, Sequence[float]]) -> Standing:
    """What a round decides, from the scores of the candidates that are left, the same number of rounds each, one or more."""
    names = sorted(scores)
    values = np.array([scores[name] for name in names], dtype=np.float64)  # shape (k, n)
    k, n = values.shape
    means = values.mean(axis=1)
    first = int(np.argmax(means))
    behind = means[first] - means
    margin = _margin(values, ALPHA / max(k - 1, 1)) if k > 1 and n > 1 else math.inf
    dropped = tuple(name for name, one in zip(names, behind, strict=True) if one > margin)
    left = tuple(name for name in names if name not in dropped)
    rest = max((one for name, one in zip(names, behind, strict=True) if name in left), default=0.0)
    return Standing(names[first], left, dropped, n > 1 and len(left) > 1 and bool(rest + margin < NEAR), margin)


def _margin(values: np.ndarray[tuple[int, int], np.dtype[np.float64]], alpha: float) -> float:
    k, n = values.shape
    rest = values - values.mean(axis=1, keepdims=True) - values.mean(axis=0, keepdims=True) + values.mean()
    freedom = (k - 1) * (n - 1)
    return t_quantile(1 - alpha, freedom) * math.sqrt(float((rest**2).sum()) / freedom * 2 / n)


@dataclass(frozen=True, slots=True)
class Gain:
    """A rate over another's, from pairs of processes that were measured next to each other, with its interval at `level`."""

    ratio: float
    low: float
    high: float
    pairs: int
    level: float = 0.95

    @property
    def sure(self) -> bool:
        """Whether the whole interval is above 1."""
        return self.low > 1


def gain(winner: Sequence[float], default: Sequence[float], level: float = 0.95) -> Gain:
    """exp of the mean difference of the logs, pair by pair, shapes (n,) with n ≥ 2, with Student's interval."""
    distances = np.asarray(winner, dtype=np.float64) - np.asarray(default, dtype=np.float64)
    n, mean = len(distances), float(distances.mean())
    margin = t_quantile((1 + level) / 2, n - 1) * float(distances.std(ddof=1)) / math.sqrt(n)
    return Gain(math.exp(mean), math.exp(mean - margin), math.exp(mean + margin), n, level)
