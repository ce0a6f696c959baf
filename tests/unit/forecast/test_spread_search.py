"""The search for spreads: its slope is that of what it makes small, and it ends below where it began."""

import numpy as np
import pytest

from benchmarks.forecast_spread import Search
from harness import evidence
from harness.forecast.evidence import merged
from harness.forecast.values import Kind

POINTS, _ = merged(evidence.shipped().points)


@pytest.fixture(scope="module", params=list(Kind))
def search(request) -> Search:
    return Search(request.param, [point for point in POINTS if point.task.kind is request.param][::9])


def test_the_slope_is_that_of_the_loss(search) -> None:
    places = np.arange(len(search.points))
    own = search.round_of(places, np.linspace(0.8, 2.0, len(places)))
    at = search.state(own, search.begin)
    slope, _ = search.slope(own, search.begin, at)
    for i in range(len(slope)):
        step = np.zeros(len(slope))
        step[i] = 1e-4
        ends = [search.state(own, search.begin + sign * step).loss for sign in (1, -1)]
        assert slope[i] == pytest.approx((ends[0] - ends[1]) / 2e-4, abs=1e-4, rel=1e-4)


def test_it_ends_below_where_it_began_and_names_every_effect(search) -> None:
    places = np.arange(len(search.points))
    own = search.round_of(places, np.ones(len(places)))
    x = search.climb(own, search.begin)
    assert search.state(own, x).loss < search.state(own, search.begin).loss - 5
    spread = search.estimate(places)
    assert spread.effects.keys() == {effect.name for effect in search.effects}
    assert spread.noise > 0
    assert bool(spread.fixed) == (search.kind is Kind.DECODE)
