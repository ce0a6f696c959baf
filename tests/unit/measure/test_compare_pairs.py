"""Runs whose processes took turns are compared round by round: what a round has of its own cancels."""

import math

import numpy as np
import pytest

from harness.measure.comparison import Verdict, compare, compare_pairs

BAND = (0.98, 1.02)
ROUNDS = np.array([100.0, 80.0, 60.0, 45.0])  # the machine gets slower


def test_what_rounds_share_cancels():
    found = compare_pairs(ROUNDS * 0.95, ROUNDS * np.array([1, 1.001, 0.999, 1]), BAND)
    assert found.verdict is Verdict.SLOWER
    assert found.ratio == pytest.approx(0.95, abs=0.001)
    assert compare(ROUNDS * 0.95, ROUNDS, BAND).verdict is Verdict.CANNOT_TELL


def test_equal_runs_are_the_same_and_noisy_ones_cannot_be_told():
    assert compare_pairs(ROUNDS * np.array([1, 1.002, 0.998, 1]), ROUNDS, BAND).verdict is Verdict.SAME
    noisy = compare_pairs(ROUNDS * np.array([1, 1.08, 0.92, 1]), ROUNDS, BAND)
    assert noisy.verdict is Verdict.CANNOT_TELL
    assert noisy.more_processes is not None


def test_the_ratio_is_that_of_the_geometric_means():
    draw = np.random.Generator(np.random.PCG64(1))
    a, b = np.exp(draw.normal(0, 0.1, 6)), np.exp(draw.normal(0, 0.1, 6))
    assert compare_pairs(a, b).ratio == pytest.approx(compare(a, b).ratio)


@pytest.mark.parametrize(("pairs", "interval"), [(1, False), (2, True)])
def test_fewer_than_three_pairs_decide_nothing(pairs, interval):
    found = compare_pairs(ROUNDS[:pairs] * 0.5, ROUNDS[:pairs], BAND)
    assert found.verdict is Verdict.CANNOT_TELL
    assert (found.low is not None) is interval


def test_the_interval_holds_the_truth_as_often_as_it_says():
    draw = np.random.Generator(np.random.PCG64(2))
    holds = 0
    for _ in range(2000):
        rounds = draw.normal(0, 0.3, 4)  # shared
        a, b = (np.exp(rounds + draw.normal(0, 0.02, 4)) for _ in range(2))
        found = compare_pairs(a * 1.05, b)
        holds += found.low <= 1.05 <= found.high
    assert found.level == pytest.approx(0.9)
    assert abs(holds / 2000 - 0.9) < 3 * math.sqrt(0.09 / 2000)
