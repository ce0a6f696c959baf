"""From values to pixels: a scale with three to five round ticks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import ceil, floor, log10

import numpy as np
from numpy.typing import NDArray

from harness import units

Format = Callable[[float], str]
Values = NDArray[np.float64]
Sample = NDArray[np.float64] | NDArray[np.int64]  # finite values

LEAST_SPAN = 0.01  # of the largest value: an axis never magnifies differences that no measurement has
REACH = 1.5  # how many 5-95 ranges beyond that range an axis follows the outermost values
_BINARY = {"KiB": 2.0**10, "MiB": 2.0**20, "GiB": 2.0**30}


@dataclass(frozen=True, slots=True)
class Scale:
    """Values `low` to `high` on pixels `start` to `end` (which may run upwards); what lies outside is drawn at the edge."""

    low: float
    high: float
    start: float
    end: float
    ticks: tuple[float, ...]

    def __call__(self, value: float) -> float:
        """The pixel of a value."""
        part = (value - self.low) / (self.high - self.low)
        return self.start + min(max(part, 0.0), 1.0) * (self.end - self.start)

    def many(self, values: Values) -> Values:
        """The pixels of many values."""
        part = (values - self.low) / (self.high - self.low)
        return self.start + np.minimum(np.maximum(part, 0.0), 1.0) * (self.end - self.start)


def ticking(fmt: Format) -> Format:
    """What stands at a tick, by the format of the values."""
    return lambda value: "0" if value == 0 else units.short(fmt(value))


def fitted(
    low: float, high: float, start: float, end: float, *, fmt: Format = units.plain, margin: float = 0.04
) -> Scale:
    """A scale for all from `low` to `high` with a little room on either side, though not across zero."""
    low, high = _span(low, high)
    spare = margin * (high - low)
    low = low - spare if low < 0 else max(low - spare, 0.0)
    high = high + spare if high > 0 else min(high + spare, 0.0)
    grain = _BINARY.get(fmt(high).rpartition(" ")[2], 1.0)
    low, high, ticks = _ticks(low / grain, high / grain)
    return Scale(low * grain, high * grain, start, end, tuple(at * grain for at in ticks))


def robust(least: float, low: float, high: float, most: float) -> tuple[float, float]:
    """How far an axis goes for a sample with the 5 % and 95 % points `low` and `high`: to its ends, if they aren't far out."""
    reach = REACH * (high - low)
    return max(least, low - reach), min(most, high + reach)


def _span(low: float, high: float) -> tuple[float, float]:
    magnitude = max(abs(low), abs(high))
    if magnitude < 1e-250:
        return 0.0, 1.0
    lacking = LEAST_SPAN * magnitude - (high - low)
    return (low, high) if lacking <= 0 else (low - lacking / 2, high + lacking / 2)


def _ticks(low: float, high: float) -> tuple[float, float, list[float]]:
    """Multiples of the largest 1-2-5 step that gives three to five; where none does, the range grows to the next multiple."""
    wider = step = 0.0
    first, last = 0, 0
    for step in _steps(high - low):
        first, last = _multiples(low, high, step)
        if last - first >= 2:
            break
        wider = step
    if last - first > 4:
        step = wider
        first, last = _multiples(low, high, step)
        if low - (first - 1) * step < (last + 1) * step - high and (low < 0 or first > 0):
            first -= 1
            low = first * step
        else:
            last += 1
            high = last * step
    return low, high, [i * step for i in range(first, last + 1)]


def _steps(span: float) -> Iterator[float]:
    top = floor(log10(span)) + 1
    for exponent in range(top, top - 4, -1):
        for factor in (1, 5, 2) if exponent == top else (5, 2, 1):
            if exponent < top or factor == 1:
                yield factor * 10.0**exponent


def _multiples(low: float, high: float, step: float) -> tuple[int, int]:
    return ceil(low / step - 1e-9), floor(high / step + 1e-9)
