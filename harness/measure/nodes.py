"""Which of several machines is unlike the others: pairwise ratios over everything that two of them both measured. Pure.

A *unit* is one run of one configuration on one node, held against the run of the same configuration and repeat on another.
For nodes j and k with U units, in logs of rates: D = mean over the units of (mean of j's processes − mean of k's). Its margin is
the larger of two: Student's t on the scatter of units, pooled over all pairs (in a complete layout the residual of configuration
and node, with (U − 1)(K − 1) degrees of freedom; three units or more), which holds whatever whole runs have of their own, and on
the scatter of processes pooled over all runs, which is there from the first unit. Levels are shared by all ordered pairs
(Bonferroni), so that α is the fleet's.

A node that scatters far more than is typical is pooled with nobody (docs/decisions/0146): its own scatter, with its own degrees
of freedom, is in the margins of its pairs alone. So it does not hide the others, and is not named for what it does by chance.

A node is named when it is surely outside the band against more than half of the others: the one that differs is so named, and the
others, which differ from it alone, are not. Of two nodes nobody can say which is the odd one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from statistics import fmean, median, variance
from typing import Any

from harness.errors import BadInput
from harness.measure.student import t_quantile

ALPHA = 0.05
BAND = 0.03
LEAST_NODES = 3
LEAST_UNITS = 3  # for a scatter of units: with two, Student's t has one degree of freedom
NOISY = 4.0  # times the typical variance of a node: above it, a node stands by itself

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
    inner = {node: one for node in nodes if (one := _of_processes(runs, node)) is not None}
    outer = {pair: _Scatter(variance(own), len(own) - 1) for pair, own in distances.items() if len(own) >= LEAST_UNITS}
    noisy = _noisy(inner) | _noisy(_by_node(outer, nodes))
    of_processes = _pooled([one for node, one in inner.items() if node not in noisy])
    of_units = _of_units(outer, noisy, len(nodes))
    found: dict[tuple[str, str], Ratio | None] = {}
    for (a, b), own in shared.items():
        alone = [node for node in (a, b) if node in noisy]
        margins = []
        if own:
            left, right = (sum(1 / len(run[side]) for run in own) / len(own) ** 2 for side in (0, 1))
            parts = [
                (share, inner.get(node) if node in alone else of_processes) for node, share in ((a, left), (b, right))
            ]
            margins += _margin(parts, level)
        scatter = outer.get((a, b)) if alone else of_units
        if len(own) >= LEAST_UNITS:
            margins += _margin([(1 / len(own), scatter)], level)
        found[a, b] = found[b, a] = None
        if margins:
            found[a, b] = _ratio(fmean(distances[a, b]), max(margins), len(own))
            found[b, a] = _ratio(-fmean(distances[a, b]), max(margins), len(own))
    return found


@dataclass(frozen=True, slots=True)
class _Scatter:
    variance: float
    freedom: float


def _of_processes(runs: Logs, node: str) -> _Scatter | None:
    """Of one process of the node, pooled over its runs; None where no run has two."""
    own = [row[node] for row in runs.values() if len(row.get(node, ())) > 1]
    return _pooled([_Scatter(variance(logs), len(logs) - 1) for logs in own])


def _pooled(own: Sequence[_Scatter]) -> _Scatter | None:
    freedom = sum(one.freedom for one in own)
    return _Scatter(sum(one.variance * one.freedom for one in own) / freedom, freedom) if freedom else None


def _of_units(pairs: Mapping[tuple[str, str], _Scatter], noisy: Set[str], nodes: int) -> _Scatter | None:
    """Of one unit's distance: over the pairs twice the residual of the two-way layout, with its degrees of freedom."""
    own = [one for pair, one in pairs.items() if noisy.isdisjoint(pair)]
    pooled = _pooled(own)
    if pooled is None:
        return None
    return _Scatter(pooled.variance, pooled.freedom / len(own) * (nodes - len(noisy) - 1))


def _by_node(pairs: Mapping[tuple[str, str], _Scatter], nodes: Sequence[str]) -> dict[str, _Scatter]:
    """The middle one of each node's pairs: a noisy neighbour is in one of them, a noisy node in all."""
    own = {node: [one for pair, one in pairs.items() if node in pair] for node in nodes}
    return {
        node: _Scatter(median(one.variance for one in found), median(one.freedom for one in found))
        for node, found in own.items()
        if found
    }


def _noisy(scatters: Mapping[str, _Scatter]) -> frozenset[str]:
    """The nodes whose variance is far above the median one, which is held to the median of chi-squared (Wilson and Hilferty)."""
    if len(scatters) < LEAST_NODES:
        return frozenset()
    typical = median(one.variance / (1 - 2 / (9 * one.freedom)) ** 3 for one in scatters.values())
    return frozenset(node for node, one in scatters.items() if one.variance > NOISY * typical)


def _margin(parts: Sequence[tuple[float, _Scatter | None]], level: float) -> list[float]:
    """Of a sum of variances, each a share of a scatter; those of one scatter have its degrees of freedom together
    (Satterthwaite). Nothing where one is not known, or has one degree of freedom alone.
    """
    together: dict[int, tuple[float, float]] = {}
    for share, scatter in parts:
        if scatter is None or scatter.freedom <= 1:
            return []
        together[id(scatter)] = (together.get(id(scatter), (0.0, 0.0))[0] + share * scatter.variance, scatter.freedom)
    total = sum(one for one, _ in together.values())
    if not total:
        return [0.0]
    freedom = total**2 / sum(one**2 / own for one, own in together.values())
    return [t_quantile(level, freedom) * math.sqrt(total)]


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
