"""What copies and inventions are sought in: token gaps less what honest runs share and less the record's own shape. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray

from harness.errors import RecordInvalid

Gaps = NDArray[np.int64]  # shape (trials, tokens), ns
Values = NDArray[np.float64]

LEAST_TRIALS = 3  # below, a record's median by token leaves nothing of it
LEAST_TOKENS = 16
LEAST_DISTINCT = 8  # values in a trial, for its digest
CLIP = 3.0  # robust deviations: spikes of two machines on one token must not look like a copy
_LAGS = 32
_RANK_LEVELS = 32


def rank_digest(gaps: Gaps) -> str:
    """The sha256 of the gaps' ranks in 32 levels: equal for a copy that was scaled up or shifted.

    Scaling down makes ties, which may move a rank over an edge: the correlation finds those copies.
    """
    flat = gaps.ravel()
    ranks = np.searchsorted(np.sort(flat), flat) * _RANK_LEVELS // max(flat.size, 1)
    return sha256(ranks.astype(np.uint8).tobytes()).hexdigest()


def group_median(group: Iterable[Gaps]) -> Values:
    """What the honest records of a configuration share, shape (tokens,), about 1: the median over the records of each one's
    median by token, relative to its own level. All must have the same number of tokens.
    """
    shapes = [np.median(gaps, axis=0) / level_of(gaps) for gaps in group]
    shared = np.median(shapes, axis=0)
    return np.where(shared > 0, shared, 1.0)  # 0: tokens that came in one chunk


def residuals(gaps: Gaps, group_median: Values) -> Values:
    """The gaps relative to the group's median by token (shape (tokens,), positive, any unit) and to their own level, less 1."""
    relative = gaps / group_median
    return np.asarray(relative / level_of(relative) - 1, dtype=np.float64)


def sound(gaps: Gaps) -> bool:
    """Whether they have two axes, hold something, and none is below zero."""
    return gaps.ndim == 2 and gaps.size > 0 and int(gaps.min()) >= 0


def check(gaps: Gaps) -> None:
    """Raises `RecordInvalid` unless they are `sound`."""
    if not sound(gaps):
        raise RecordInvalid(
            f"gaps of shape {gaps.shape} must be those of trials", where="likeness", fix="give (trials, tokens)"
        )


def level_of(values: Values | Gaps) -> float:
    """The median, or the mean where that is 0, or 1."""
    return float(np.median(values)) or float(values.mean()) or 1.0


def own_part(residual: Values) -> Values:
    """The residuals less the record's medians by token and by trial."""
    own = residual - np.median(residual, axis=1, keepdims=True)
    own -= np.median(own, axis=0)
    return np.asarray(own - np.median(own, axis=1, keepdims=True), dtype=np.float64)


def autocorrelation(texture: Values) -> Values:
    """At lags 1, 2, …, over all rows; zeros where there are none."""
    trials, tokens = texture.shape
    lags = min(_LAGS, tokens // 4)
    if trials == 0 or not texture.any():
        return np.zeros(lags)
    power = (np.abs(np.fft.rfft(texture, 2 * tokens, axis=1)) ** 2).sum(axis=0)
    products = np.fft.irfft(power)
    return np.asarray(products[1 : lags + 1] / products[0], dtype=np.float64)
