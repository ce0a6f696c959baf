"""Student's t without scipy: distribution function and quantile, for any real number of degrees of freedom above 0.

The tail comes from the regularised incomplete beta function (Abramowitz & Stegun 26.5.27), that one from its continued
fraction by the modified Lentz method (Press et al., Numerical Recipes, 6.4), and the quantile from a bracketed Newton
iteration on the logarithm of the smaller probability, which converges for tails of any weight.
"""

from __future__ import annotations

import math
from functools import lru_cache
from statistics import NormalDist

from harness.errors import BadInput

__all__ = ["LEAST_PROCESSES", "incomplete_beta", "t_cdf", "t_quantile"]

LEAST_PROCESSES = 3  # that an interval is given for: with two, t has one degree of freedom and 13 standard errors

_TINY = 1e-300  # stands for 0 in a denominator of the continued fraction
_NEARLY_NORMAL = 1e5  # from here on three terms of the normal expansion are exact to 1e-13, and the fraction is slow
_STIRLING = 30.0  # from here on four terms of the gamma ratio are exact to 1e-13


def incomplete_beta(a: float, b: float, x: float, complement: float | None = None) -> float:
    """The regularised incomplete beta function I_x(a, b), dimensionless, for a, b > 0 and 0 ≤ x ≤ 1.

    `complement` is 1 − x, for callers that know it better than the subtraction would.
    """
    y = 1.0 - x if complement is None else complement
    if x <= 0.0 or y <= 0.0:
        return 0.0 if x <= 0.0 else 1.0
    front = math.exp(a * math.log(x) + b * math.log(y) - _log_beta(a, b))
    if x < (a + 1.0) / (a + b + 2.0):
        return front * _fraction(a, b, x) / a
    return 1.0 - front * _fraction(b, a, y) / b


def t_cdf(t: float, df: float) -> float:
    """P(T ≤ t) for Student's t with `df` > 0 degrees of freedom; accurate to 1e-9. Raises `BadInput` for other df."""
    _check_df(df)
    return 1.0 - _tail(t, df) if t > 0.0 else _tail(-t, df)


@lru_cache(maxsize=4096)
def t_quantile(p: float, df: float) -> float:
    """The t with P(T ≤ t) = p, for 0 < p < 1 and `df` > 0; relative accuracy 1e-9. Raises `BadInput` outside."""
    _check_df(df)
    if not 0.0 < p < 1.0:
        raise BadInput(f"a probability of {p} has no quantile", where="t_quantile", fix="give a number between 0 and 1")
    if p == 0.5:
        return 0.0
    if df >= _NEARLY_NORMAL:
        return _near_normal_quantile(p, df)
    size = _solve(min(p, 1.0 - p), abs(p - 0.5), df)
    return size if p > 0.5 else -size


def _check_df(df: float) -> None:
    if not df > 0.0:
        raise BadInput(f"{df} degrees of freedom", where="Student's t", fix="give a number above 0")


def _tail(t: float, df: float) -> float:
    """P(T > t) for t ≥ 0."""
    if math.isinf(df):
        return 0.5 * math.erfc(t / math.sqrt(2.0))
    if df >= _NEARLY_NORMAL:
        return 0.5 * math.erfc(_to_normal(t, df) / math.sqrt(2.0))
    if t > 1e150:  # t² would overflow
        return 0.5 * math.exp(df * (0.5 * math.log(df) - math.log(t)) - _log_beta(df / 2, 0.5) - math.log(df / 2))
    square = t * t
    return 0.5 * incomplete_beta(df / 2, 0.5, df / (df + square), square / (df + square))


def _centre(t: float, df: float) -> float:
    """P(0 < T < t) for t ≥ 0."""
    square = t * t
    return 0.5 * incomplete_beta(0.5, df / 2, square / (df + square), df / (df + square))


def _log_density(t: float, df: float) -> float:
    return -_log_beta(df / 2, 0.5) - 0.5 * math.log(df) - (df + 1.0) / 2 * _log_one_plus_square(t, df)


def _log_one_plus_square(t: float, df: float) -> float:
    """log(1 + t²/df), also where t² overflows."""
    return 2.0 * math.log(t) - math.log(df) if t > 1e150 else math.log1p(t * t / df)


def _solve(tail: float, centre: float, df: float) -> float:
    """The t > 0 that leaves `tail` above it and `centre` between 0 and it: by whichever of the two is smaller."""
    by_tail = tail < 0.25
    wanted = math.log(tail if by_tail else centre)
    sign = -1.0 if by_tail else 1.0  # the tail falls with t, the centre rises

    def miss(u: float) -> tuple[float, float]:
        t = math.exp(u)
        found = _tail(t, df) if by_tail else _centre(t, df)
        if found <= 0.0:
            return (-math.inf if by_tail else math.inf) * sign, 0.0
        return sign * (math.log(found) - wanted), math.exp(_log_density(t, df) + u - math.log(found))

    low, high = -700.0, 700.0  # log t: every t that a double can hold
    u = math.log(max(abs(NormalDist().inv_cdf(tail)), 1e-300))
    for _ in range(200):
        error, slope = miss(u)
        if error > 0.0:
            high = u
        else:
            low = u
        step = error / slope if slope > 0.0 and math.isfinite(error) else math.inf
        following = u - step
        if not low < following < high:
            following = (low + high) / 2
        if abs(following - u) <= 1e-13 * max(1.0, abs(u)):
            return math.exp(following)
        u = following
    return math.exp(u)


def _near_normal_quantile(p: float, df: float) -> float:
    """Cornish-Fisher expansion of the t quantile in 1/df (Abramowitz & Stegun 26.7.5)."""
    z = NormalDist().inv_cdf(p)
    return z + (z**3 + z) / (4 * df) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * df**2)


def _to_normal(t: float, df: float) -> float:
    """The z with the tail of t, to O(1/df³): Wallace's transform with its first correction (A&S 26.7.8)."""
    log_term = math.log1p(t * t / df)
    return math.sqrt(df * log_term) * (1.0 - 1.0 / (4.0 * df) + 1.0 / (32.0 * df * df))


def _log_beta(a: float, b: float) -> float:
    """log B(a, b). With a half, the gamma ratio comes from its own series: lgamma loses all digits to cancellation."""
    small, large = min(a, b), max(a, b)
    if small == 0.5 and large > _STIRLING:
        ratio = 0.5 * math.log(large) - 1 / (8 * large) + 1 / (192 * large**3) - 1 / (640 * large**5)
        return 0.5 * math.log(math.pi) - ratio
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _fraction(a: float, b: float, x: float) -> float:
    """The continued fraction of I_x(a, b) (Numerical Recipes 6.4.5), fast for x < (a + 1) / (a + b + 2)."""
    c, d = 1.0, 1.0 / _away_from_zero(1.0 - (a + b) * x / (a + 1.0))
    value = d
    for m in range(1, 100_000):
        even = m * (b - m) * x / ((a + 2 * m - 1.0) * (a + 2 * m))
        d = 1.0 / _away_from_zero(1.0 + even * d)
        c = _away_from_zero(1.0 + even / c)
        value *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1.0))
        d = 1.0 / _away_from_zero(1.0 + odd * d)
        c = _away_from_zero(1.0 + odd / c)
        value *= d * c
        if abs(d * c - 1.0) < 1e-15:
            break
    return value


def _away_from_zero(number: float) -> float:
    return number if abs(number) > _TINY else _TINY
