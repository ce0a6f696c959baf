"""Rows that are not what they say: named with a reason, and left out of what efficiencies are learned from. Pure.

A row is slow without reason where it is far below what its like foretell: most often the processor computed, or a part of it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.forecast.pooling import Pool, groups_of
from harness.forecast.values import Kind, Point

# Of what is foretold: less is odd, where the forecast is narrow enough to say so. A processor decodes some three to fifteen times
# slower than a card and prefills some twenty to a hundred times slower, and prefill rates differ more among honest runs.
SLOW = {Kind.DECODE: 0.5, Kind.PREFILL: 0.3}
SURE = 2.0  # standard deviations below it
APART, OUTSIDE = (
    {Kind.DECODE: 0.6, Kind.PREFILL: 0.3},
    3.5,
)  # the same for a row beside others of its own machine, whose forecast is narrow
UNSTEADY = 0.1  # deviation over mean of the repetitions


def slow_points(pool: Pool, points: Sequence[Point]) -> dict[int, float]:
    """Place of each point that is slow without reason → measured over foretold, by the others of its machine or without them.

    `points`: of one kind of rate, those of `pool`.
    """
    found: dict[int, float] = {}
    kind = points[0].task.kind
    for keys, share, sure in (
        ([point.lab for point in points], SLOW[kind], SURE),
        ([str(key) for key in pool.features.keys["cell"]], APART[kind], OUTSIDE),
    ):
        residual, deviation = pool.without(groups_of(keys))
        ratio = np.exp(-residual)
        for place in np.flatnonzero((ratio < share) & (residual > sure * deviation)):
            found[int(place)] = min(float(ratio[place]), found.get(int(place), 1.0))
    return found


def is_unsteady(tokens_per_s: float, deviation: float | None) -> bool:
    """Whether its own repetitions disagree by more than a tenth."""
    return deviation is not None and deviation > UNSTEADY * tokens_per_s
