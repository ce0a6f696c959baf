"""Which of several machines is unlike the others: pairwise ratios over everything that two of them both measured. Pure.

A *unit* is one run of one configuration on one node, held against the run of the same configuration and repeat on another.
For nodes j and k with U units, in logs of rates: D = mean over the units of (mean of j's processes − mean of k's). Its margin is
the larger of two: Student's t on the scatter of units, pooled over all pairs (in a complete layout the residual of configuration
and node, with (U − 1)(K − 1) degrees of freedom; three units or more), which holds whatever whole runs have of their own, and on
the scatter of processes pooled over all runs, which is there from the first unit. Levels are shared by all ordered pairs
(Bonferroni), so that α is the fleet's.

A node is named when it is surely outside the band against more than half of the others: the one that differs is so named, and the
others, which differ from it alone, are not. Of two nodes nobody can say which is the odd one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from statistics import fmean, variance
from typing import Any

from harness.errors import BadInput
from harness.measure.student import t_quantile

ALPHA = 0.05
BAND = 0.03
LEAST_NODES = 3
LEAST_UNITS = 3  # for a scatter of units: with two, Student's t has one degree of freedom

# Configuration and repeat → node → logs of the medians of that run's processes.
Logs = Mapping[Any, Mapping[str, Sequence[float]]]


class Place(StrEnum):
    """Of a node among the others."""

    WITHIN = "within"  # the whole interval is inside the band, against more than half of the others
    SLOW = "slow"
    FAST = "fast"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Ratio:
    """One node's rate over another's, with its interval at the fleet's level; `units` behind it."""

    ratio: float
    low: float
    high: float
    units: int


@dataclass(frozen=True, slots=True)
class NodePlace:
    """`against`: the ratio to the middle one of the other nodes; None where nothing can be compared."""

    node: str
    place: Place
    against: Ratio | None


def places(runs: Logs, band: float = BAND, alpha: float = ALPHA) -> list[NodePlace]:
    """Every node by name. `runs` hold logs, shape (processes,), one process or more. Raises `BadInput` for a senseless band."""
    if not 0 < band < 1 or not 0 < alpha < 0.5:
        raise BadInput(f"a band of {band} with alpha {alpha}", where="nodes", fix="use numbers between 0 and 1")
    nodes = sorted({node for row in runs.values() for node in row})
    pairs = _pairs(runs, nodes, alpha)
    return [_place(node, [pairs[node, other] for other in nodes if other != node], band) for node in nodes]


def _pairs(runs: Logs, nodes: Sequence[str], alpha: float) -> dict[tuple[str, str], Ratio | None]:
    """Both directions of every pair; None where there is no scatter to go by."""
    shared = {
        (a, b): [(row[a], row[b]) for row in runs.values() if a in row and b in row] for a, b in combinations(nodes, 2)
    }
    distances = {pair: [fmean(a) - fmean(b) for a, b in own] for pair, own in shared.items()}
    level = 1 - alpha / max(len(nodes) * (len(nodes) - 1), 1)
    inner, of_units = _of_processes(runs), _of_units(list(distances.values()), len(nodes))
    found: dict[tuple[str, str], Ratio | None] = {}
    for (a, b), own in shared.items():
        margins = []
        if own and inner.freedom > 1:
            one = sum(inner.variance / len(left) + inner.variance / len(right) for left, right in own) / len(own) ** 2
            margins.append(t_quantile(level, inner.freedom) * math.sqrt(one))
        if len(own) >= LEAST_UNITS and of_units.freedom > 1:
            margins.append(t_quantile(level, of_units.freedom) * math.sqrt(of_units.variance / len(own)))
        found[a, b] = found[b, a] = None
        if margins:
            found[a, b] = _ratio(fmean(distances[a, b]), max(margins), len(own))
            found[b, a] = _ratio(-fmean(distances[a, b]), max(margins), len(own))
    return found


@dataclass(frozen=True, slots=True)
class _Scatter:
    variance: float
    freedom: float


def _of_processes(runs: Logs) -> _Scatter:
    """Of one process, pooled over all runs."""
    own = [logs for row in runs.values() for logs in row.values() if len(logs) > 1]
    freedom = sum(len(logs) - 1 for logs in own)
    return _Scatter(sum(variance(logs) * (len(logs) - 1) for logs in own) / freedom if freedom else 0.0, freedom)


def _of_units(distances: Sequence[Sequence[float]], nodes: int) -> _Scatter:
    """Of one unit's distance: over all pairs twice the residual of the two-way layout, with its degrees of freedom."""
    own = [one for one in distances if len(one) >= LEAST_UNITS]
    if not own:
        return _Scatter(0.0, 0.0)
    freedom = sum(len(one) - 1 for one in own)
    pooled = sum(variance(one) * (len(one) - 1) for one in own) / freedom
    return _Scatter(pooled, freedom / len(own) * (nodes - 1))


def _ratio(middle: float, margin: float, units: int) -> Ratio:
    return Ratio(math.exp(middle), math.exp(middle - margin), math.exp(min(middle + margin, 700.0)), units)


def _place(node: str, pairs: Sequence[Ratio | None], band: float) -> NodePlace:
    known = sorted((one for one in pairs if one is not None), key=lambda one: one.ratio)
    if not known:
        return NodePlace(node, Place.CANNOT_TELL, None)
    low, high = 1 - band, 1 / (1 - band)
    half = len(pairs) / 2
    middle = known[(len(known) - 1) // 2]
    if len(pairs) + 1 >= LEAST_NODES:
        if sum(one.high < low for one in known) > half:
            return NodePlace(node, Place.SLOW, middle)
        if sum(one.low > high for one in known) > half:
            return NodePlace(node, Place.FAST, middle)
    inside = sum(low <= one.low and one.high <= high for one in known)
    return NodePlace(node, Place.WITHIN if inside > half else Place.CANNOT_TELL, middle)
