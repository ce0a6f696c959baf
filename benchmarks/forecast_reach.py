"""How far an interval must reach on a device that nobody measured, by spreads that had not seen the device either.

What is left out of the points alone is foretold with spreads that knew it, and lies nearer than a new device will.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from forecast_spread import Places, Search

from harness.forecast import conformal
from harness.forecast.effects import EFFECTS, OF_MACHINE
from harness.forecast.physics import most_per_s
from harness.forecast.pooling import Floats, fit, groups_of


def reach_elsewhere(
    search: Search, tenths: Sequence[frozenset[str]], doubted: Sequence[bool], judged: frozenset[str] = frozenset()
) -> tuple[float, float]:
    """Deviations of an 80 and a 95 % interval, each measurement counted once.

    `tenths`: the devices in parts; `judged`: devices of which nothing may be known. A measurement that a reader doubted asks for
    nothing.
    """
    device = np.array([point.hardware.name for point in search.points])
    left = np.flatnonzero(~np.isin(device, sorted(judged)))
    fair = ~np.array(doubted)
    held = [np.isin(device[left], sorted(tenth)) for tenth in tenths if not tenth <= judged]
    errors = np.concatenate([_far(search, left, out)[fair[left[out]]] for out in held])
    found = conformal.reach(errors, [str(number) for number in range(len(errors))])
    return found.of_80, found.of_95


def _far(search: Search, left: Places, out: Floats) -> Floats:
    """Of the points `out` among those `left`: how far each is from what is foretold without its device, in deviations."""
    spread = search.estimate(left[~out])
    pool = fit(EFFECTS[search.kind], spread, search.features.rows(left), search.log_seconds[left])
    device = np.where(out, search.features.keys["device"][left], "")
    groups = [group for group in groups_of(device.tolist()) if out[group[0]]]
    residual, deviation = pool.elsewhere(groups, pool.shared(OF_MACHINE))
    # No forecast is faster than physics allows: its time is no less than the bound's.
    bound = np.array([-np.log(most_per_s(p.hardware, p.work, p.task)) for p in (search.points[i] for i in left)])
    measured = search.log_seconds[left]
    error = measured - np.maximum(measured - residual, bound)
    found: Floats = np.abs(error / deviation)[out]
    return found
