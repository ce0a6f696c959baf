"""Fleets of a planted truth, as the odd node's rule sees them: logs of the medians of each run's processes."""

from __future__ import annotations

import numpy as np

from harness.measure.nodes import Place, places

PROCESSES = 3


def fleet(
    random: np.random.Generator,
    nodes: int = 3,
    units: int = 4,
    planted: float = 1.0,
    between: float = 0.01,
    run: float = 0.005,
    of_node: float = 0.0,
    noisy: float = 1.0,
) -> dict[int, dict[str, list[float]]]:
    """Each process scatters by `between`, each run by `run`, each node by `of_node`; n0 is `planted` times as fast.

    `noisy`: n1, which is as fast as the others, scatters so many times as much.
    """
    own = {f"n{j}": random.normal(0, of_node) for j in range(nodes)}
    own["n0"] += np.log(planted)
    times = {node: noisy if node == "n1" else 1.0 for node in own}
    return {
        unit: {
            node: list(
                unit + effect + random.normal(0, run * times[node]) + random.normal(0, between * times[node], PROCESSES)
            )
            for node, effect in own.items()
        }
        for unit in range(units)
    }


def named(runs: dict[int, dict[str, list[float]]], band: float = 0.03) -> set[str]:
    """The nodes that are told to be slow or fast."""
    return {one.node for one in places(runs, band) if one.place in (Place.SLOW, Place.FAST)}


def shares(count: int, seed: int = 19, **how: float) -> tuple[float, float]:
    """How often n0 alone is named, and how often any other is."""
    random = np.random.default_rng(seed)
    found = [named(fleet(random, **how)) for _ in range(count)]  # type: ignore[arg-type]
    return sum(one == {"n0"} for one in found) / count, sum(bool(one - {"n0"}) for one in found) / count
