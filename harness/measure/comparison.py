"""Is A as fast as B? A ratio with its interval, and a verdict against a band that may be "cannot tell".

In logs: ratio = exp(mean log A − mean log B), Welch's interval at level 1 − 2α, which is the interval of the two one-sided
tests (Schuirmann 1987): inside the band it says *same*, outside *faster* or *slower*, and across an edge *cannot tell*.
The naive rule "the ratio is inside the band" is never used: it passes a true 1.10 half of the time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import NormalDist

from harness.errors import BadInput
from harness.measure.logs import Logs, logs_of
from harness.measure.plural import count
from harness.measure.student import LEAST_PROCESSES, t_quantile

__all__ = [
    "BAND",
    "Comparison",
    "Verdict",
    "compare",
    "compare_logs",
    "compare_pairs",
    "not_comparable",
    "repeatability_limit",
]

BAND = (0.90, 1.10)
_MOST_PROCESSES = 1000  # more than this per side is no advice
_EDGE = 1e-3  # a ratio within 0.1 % of an edge stays there, however many processes follow


class Verdict(StrEnum):
    """What a comparison says of A, against B."""

    SAME = "same"
    FASTER = "faster"
    SLOWER = "slower"
    CANNOT_TELL = "cannot_tell"
    NOT_COMPARABLE = "not_comparable"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`ratio` = A/B with its interval at `level` = 1 − 2α, all dimensionless; None where there is none to give.

    `more_processes`: how many more per side would probably decide, where the verdict is *cannot tell* and any number would.
    """

    ratio: float | None
    low: float | None
    high: float | None
    level: float
    verdict: Verdict
    reason: str
    more_processes: int | None = None


def compare(
    a_medians: Sequence[float],
    b_medians: Sequence[float],
    band: tuple[float, float] = BAND,
    alpha: float = 0.05,
    *,
    higher_is_better: bool = True,
) -> Comparison:
    """Compares the process medians of two runs, shapes (n_a,) and (n_b,), same unit, positive.

    `alpha` is the error of each one-sided test: 0.05 at a fixed number of processes, 0.02 a look under the sequential
    rule. `higher_is_better` is False for times, where a ratio above the band means *slower*. Raises `BadInput` for a
    band or alpha that make no sense, `RecordInvalid` for values that are not positive.
    """
    if not 0 < band[0] < band[1] or not 0 < alpha < 0.5:
        raise BadInput(
            f"band {band} with alpha {alpha}", where="comparison", fix="use 0 < low < high and 0 < alpha < 0.5"
        )
    return compare_logs(logs_of(a_medians), logs_of(b_medians), band, alpha, higher_is_better=higher_is_better)


def compare_logs(
    a: Logs, b: Logs, band: tuple[float, float] = BAND, alpha: float = 0.05, *, higher_is_better: bool = True
) -> Comparison:
    """As `compare`, which checks its arguments, from the logs of the medians."""
    level = 1 - 2 * alpha
    distance = a.mean - b.mean
    ratio = math.exp(distance)
    fewest = min(a.n, b.n)
    if fewest < 2:
        return Comparison(ratio, None, None, level, Verdict.CANNOT_TELL, *_too_few(fewest))
    var_a, var_b = a.variance / a.n, b.variance / b.n
    margin = t_quantile(1 - alpha, _welch_df(var_a, var_b, a.n, b.n)) * math.sqrt(var_a + var_b)
    low, high = math.exp(distance - margin), math.exp(min(distance + margin, 700.0))
    if fewest < LEAST_PROCESSES:
        return Comparison(ratio, low, high, level, Verdict.CANNOT_TELL, *_too_few(fewest))
    verdict = _verdict(low, high, band, higher_is_better)
    figures = f"{level:.0%} interval {low:.3f} to {high:.3f}"
    if verdict is not Verdict.CANNOT_TELL:
        place = "inside" if verdict is Verdict.SAME else "outside"
        return Comparison(ratio, low, high, level, verdict, f"{figures} lies {place} {band[0]} to {band[1]}")
    spread = a.variance + b.variance
    more = _more_processes(distance, spread, fewest, band, alpha)
    return Comparison(ratio, low, high, level, verdict, f"{figures} crosses an edge of {band[0]} to {band[1]}", more)


def compare_pairs(
    a_medians: Sequence[float], b_medians: Sequence[float], band: tuple[float, float] = BAND, alpha: float = 0.05
) -> Comparison:
    """As `compare`, of rates whose processes took turns: `a_medians[i]` and `b_medians[i]`, shapes (n,), are of one round.

    What a round has of its own (heat, another program) cancels in each pair; Student's interval of the mean distance. True, too,
    of values that have nothing in common: then it is only wider than it need be.
    """
    distances = [logs_of([a]).mean - logs_of([b]).mean for a, b in zip(a_medians, b_medians, strict=True)]
    n, level = len(distances), 1 - 2 * alpha
    mean = sum(distances) / n
    if n < 2:
        return Comparison(math.exp(mean), None, None, level, Verdict.CANNOT_TELL, *_too_few(n))
    variance = sum((one - mean) ** 2 for one in distances) / (n - 1)
    margin = t_quantile(1 - alpha, n - 1) * math.sqrt(variance / n)
    low, high = math.exp(mean - margin), math.exp(min(mean + margin, 700.0))
    if n < LEAST_PROCESSES:
        return Comparison(math.exp(mean), low, high, level, Verdict.CANNOT_TELL, *_too_few(n))
    verdict = _verdict(low, high, band, higher_is_better=True)
    figures = f"{level:.0%} interval {low:.3f} to {high:.3f}, round by round,"
    if verdict is not Verdict.CANNOT_TELL:
        place = "inside" if verdict is Verdict.SAME else "outside"
        return Comparison(math.exp(mean), low, high, level, verdict, f"{figures} lies {place} {band[0]} to {band[1]}")
    more = _more_processes(mean, variance, n, band, alpha)
    return Comparison(
        math.exp(mean), low, high, level, verdict, f"{figures} crosses an edge of {band[0]} to {band[1]}", more
    )


def not_comparable(fields: Sequence[str], alpha: float = 0.05) -> Comparison:
    """The comparison of runs that differ in `fields` that must match."""
    return Comparison(None, None, None, 1 - 2 * alpha, Verdict.NOT_COMPARABLE, f"differs in {', '.join(fields)}")


def repeatability_limit(ratios: Sequence[float]) -> float:
    """The 95th percentile of |ratio − 1| over A/A comparisons of one machine: what it cannot tell apart. At least 20."""
    if len(ratios) < 20:
        raise BadInput(f"{len(ratios)} A/A ratios give no 95th percentile", where="repeatability", fix="use 20 or more")
    import numpy as np

    return float(np.quantile(np.abs(np.asarray(ratios, dtype=np.float64) - 1), 0.95))


def _welch_df(var_a: float, var_b: float, n_a: int, n_b: int) -> float:
    """Welch-Satterthwaite degrees of freedom from the variances of the two means."""
    total = var_a + var_b
    if total == 0:
        return n_a + n_b - 2.0
    share = var_a / total  # shares instead of squares of variances, which may underflow
    return 1.0 / (share**2 / (n_a - 1) + (1 - share) ** 2 / (n_b - 1))


def _verdict(low: float, high: float, band: tuple[float, float], higher_is_better: bool) -> Verdict:
    """Both edges belong to the band. In whole billionths: what is exactly at an edge must not fall to either side by rounding."""
    low_ppb, high_ppb = _ppb(low), _ppb(high)
    from_ppb, to_ppb = _ppb(band[0]), _ppb(band[1])
    if from_ppb <= low_ppb and high_ppb <= to_ppb:
        return Verdict.SAME
    if low_ppb > to_ppb:
        return Verdict.FASTER if higher_is_better else Verdict.SLOWER
    if high_ppb < from_ppb:
        return Verdict.SLOWER if higher_is_better else Verdict.FASTER
    return Verdict.CANNOT_TELL


def _ppb(ratio: float) -> int:
    return round(ratio * 1e9)


def _too_few(fewest: int) -> tuple[str, int]:
    few = f"{count(fewest, 'process', 'processes')} on a side {'decides' if fewest == 1 else 'decide'}"
    reason = f"{few} nothing, {LEAST_PROCESSES} are needed"
    return reason, LEAST_PROCESSES - fewest


def _more_processes(distance: float, spread: float, n: int, band: tuple[float, float], alpha: float) -> int | None:
    """n' = z²(s_a² + s_b²)/m² + z²/4 per side, less n: m is the log distance to the nearest edge, z the normal quantile.

    The normal approximation of the t test's size, with Guenther's correction (1981) for estimating the variance.
    """
    gap = min(abs(distance - math.log(band[0])), abs(distance - math.log(band[1])))
    if gap < _EDGE:
        return None
    z = NormalDist().inv_cdf(1 - alpha)
    needed = math.ceil(z * z * spread / gap**2 + z * z / 4)
    return max(needed - n, 1) if needed <= _MOST_PROCESSES else None
