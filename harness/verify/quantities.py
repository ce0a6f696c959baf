"""Statistics as the integers of a record: micro-tokens per second, nanoseconds, bytes, parts per million. Pure.

Rounding is to the nearest integer of a unit small enough to keep six digits of anything that an engine does.
"""

from __future__ import annotations

import math

from harness.measure.distribution import Distribution
from harness.measure.estimate import Estimate
from harness.record import schema

# what measure counts in → (unit of the record, factor)
UNITS: dict[str, tuple[schema.Unit, float]] = {
    "tokens/s": ("micro_tokens_per_s", 1e6),
    "ns": ("ns", 1.0),
    "bytes": ("bytes", 1.0),
}


MOST = 2**53 - 1  # the largest whole number that every reader of JSON keeps
TOO_WIDE = "the processes lie too far apart for an interval that can be written; point estimate only"


def ppm(value: float | None) -> int | None:
    """A fraction in parts per million."""
    return None if value is None else round(value * 1e6)


def estimate_of(value: Estimate | None, factor: float) -> schema.Estimate | None:
    """The record's form of an estimate; without its interval where an end of that is larger than a record's numbers may be."""
    if value is None:
        return None
    wide = not all(_fits(end, scale) for end, scale in ((value.high, factor), (value.half_width, 1e6)))
    return schema.Estimate(
        point=round(value.point * factor),
        low=None if wide else _scaled(value.low, factor),
        high=None if wide else _scaled(value.high, factor),
        half_width_ppm=None if wide else ppm(value.half_width),
        level_ppm=round(value.level * 1e6),
        process_medians=tuple(round(median * factor) for median in value.process_medians),
        n_trials=value.n_trials,
        cv_within_ppm=ppm(value.cv_within),
        cv_between_ppm=ppm(value.cv_between),
        reason=TOO_WIDE if wide else value.reason,
    )


def _fits(value: float | None, factor: float) -> bool:
    return value is None or (math.isfinite(value) and value * factor < MOST)


def distribution_of(value: Distribution | None, factor: float) -> schema.Distribution | None:
    """The record's form of a distribution."""
    if value is None:
        return None
    return schema.Distribution(
        n=value.n,
        n_eff_milli=round(value.n_eff * 1000),
        mean=round(value.mean * factor),
        sd=_scaled(value.sd, factor),
        cv_ppm=ppm(value.cv),
        min=round(value.min * factor),
        max=round(value.max * factor),
        percentiles=tuple(
            schema.Percentile(percent=p.percent, value=_scaled(p.value, factor), reason=p.reason)
            for p in value.percentiles
        ),
    )


def _scaled(value: float | None, factor: float) -> int | None:
    return None if value is None else round(value * factor)
