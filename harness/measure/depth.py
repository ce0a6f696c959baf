"""How decode slows down as the KV cache fills: the straight line t = a + b·k through a trial's token times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["DepthFit", "fit_depth", "fit_depths"]

Values = NDArray[np.float64]

_LEAST = 8  # with fewer tokens the two parameters take most of the scatter with them


@dataclass(frozen=True, slots=True)
class DepthFit:
    """t = a + b·k: `intercept_ns` a at an empty cache, `slope_ns` b per cached token, k = tokens in the cache.

    `residual_cv` is the residual standard deviation (n − 2 in the denominator) over the mean time.
    """

    intercept_ns: float
    slope_ns: float
    residual_cv: float


def fit_depth(itl: Values, first_depth: int = 0) -> DepthFit | None:
    """Least squares through the token times `itl`, shape (n,), ns; `first_depth` tokens are cached before the first.

    None for fewer than 8 times.
    """
    fits, _ = fit_depths(itl[np.newaxis, :], np.array([first_depth]))
    return fits[0] if fits else None


def fit_depths(itl: Values, first_depths: NDArray[np.int64]) -> tuple[tuple[DepthFit, ...], Values]:
    """One fit a row of `itl`, shape (r, n), and the residuals over the row's mean, same shape, dimensionless.

    Stationarity within a trial is judged on these residuals, never on the times. Without fits (n < 8) the residuals
    are the plain relative deviations from the row's mean.
    """
    n = itl.shape[1]
    mean = itl.mean(axis=1, keepdims=True)
    scale = np.where(mean > 0, mean, 1.0)
    centred = itl - mean
    if n < _LEAST:
        return (), centred / scale
    k = np.arange(n) - (n - 1) / 2
    slope = centred @ k / float(k @ k)
    residuals = centred - np.outer(slope, k)
    sd = np.sqrt(np.einsum("ij,ij->i", residuals, residuals) / (n - 2))
    intercept = mean[:, 0] - slope * (first_depths + (n - 1) / 2)
    fits = tuple(
        DepthFit(float(a), float(b), float(s / m)) for a, b, s, m in zip(intercept, slope, sd, scale[:, 0], strict=True)
    )
    return fits, residuals / scale
