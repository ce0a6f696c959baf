"""How much likelier the published rates are with one effect more, or without one that is shipped.

An effect is worth what it adds to the log marginal likelihood of all fair rows, its variance and all others searched anew. The
noise of each row is weighed once, by the shipped effects, so that all are judged by the same rows.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np
from forecast import shipped
from forecast_spread import Search

from harness.forecast.effects import EFFECTS
from harness.forecast.pooling import Effect, Floats
from harness.forecast.values import Kind, Point

LENGTHS = {"": 0.0} | {effect.feature: effect.length for own in EFFECTS.values() for effect in own}
MACHINES_OWN = ("lab", "cell")  # tell of one machine, and nothing of others


def fair_points(kind: Kind) -> list[Point]:
    """Those that no reader doubted."""
    _, points, _, odd = shipped()
    return [point for point, doubted in zip(points, odd, strict=True) if point.task.kind is kind and not doubted]


def likelihood(
    kind: Kind, points: list[Point], effects: tuple[Effect, ...], scale: Floats | None
) -> tuple[float, Floats]:
    """Log marginal likelihood (with what is known beforehand) at its highest, and by how much more each row's noise varies."""
    search = Search(kind, points, effects)
    places = np.arange(len(points))
    this = search.round_of(places, np.ones(len(points)) if scale is None else scale)
    found = search.climb(this, search.begin)
    at = search.state(this, found)
    if at is None:
        raise ArithmeticError("the covariance where the search ended is not positive")
    return -at.loss, search.weights(places, found) if scale is None else scale


def candidates(kind: Kind, points: list[Point]) -> Iterator[Effect]:
    """Each key with each number, of those that are not shipped."""
    features = Search(kind, points).features
    known = {(effect.key, effect.feature) for effect in EFFECTS[kind]}
    for key in ("", *features.keys):
        for feature, length in LENGTHS.items():
            if key not in MACHINES_OWN and (key, feature) not in known and (key or feature):
                yield Effect(f"{feature or 'level'} of {key or 'all'}", key, feature, length)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kind", choices=list(Kind), default=Kind.DECODE)
    parser.add_argument(
        "--without", action="store_true", help="try without each that is shipped, instead of with one more"
    )
    chosen = parser.parse_args()
    kind = Kind(chosen.kind)
    points, own = fair_points(kind), EFFECTS[kind]
    _, scale = likelihood(kind, points, own, None)
    now, _ = likelihood(kind, points, own, scale)
    tried = [(f"without {one.name}", tuple(e for e in own if e is not one)) for one in own] if chosen.without else [
        (f"with {one.name}", (*own, one)) for one in candidates(kind, points)
    ]  # fmt: skip
    gains = sorted(((likelihood(kind, points, effects, scale)[0] - now, name) for name, effects in tried), reverse=True)
    print(f"{kind}: {len(points)} measurements, {len(own)} effects; gain in log likelihood")
    for gain, name in gains:
        print(f"{gain:8.1f}  {name}")


if __name__ == "__main__":
    main()
