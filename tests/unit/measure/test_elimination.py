"""Successive elimination: what surely is slower drops out, what is the same is a tie, a round's own speed does not count."""

import math

import numpy as np
import pytest

from harness.measure.elimination import gain, standing


def scores(*rates, rounds=3, noise=0.0, drift=0.0, seed=1):
    draw = np.random.Generator(np.random.PCG64(seed))
    return {
        index: [math.log(rate) + drift * r + draw.normal(0, noise) for r in range(rounds)]
        for index, rate in enumerate(rates)
    }


def test_what_is_surely_slower_drops_out():
    found = standing(scores(100, 99.9, 80, noise=0.003))
    assert found.leader in (0, 1)
    assert found.dropped == (2,)
    assert found.left == (0, 1)


def test_one_round_drops_nothing():
    found = standing(scores(100, 90, 40, rounds=1))
    assert (found.leader, found.left, found.dropped) == (0, (0, 1, 2), ())
    assert found.margin == math.inf


def test_a_round_s_own_speed_cancels():
    """Every round is a fifth slower than the one before; the candidates differ by 5 %."""
    found = standing(scores(100, 95, 95, noise=0.002, drift=-0.2, rounds=4))
    assert (found.leader, found.left) == (0, (0,))


def test_noise_drops_nothing():
    found = standing(scores(100, 98, 97, noise=0.1))
    assert not found.dropped
    assert not found.tied


def test_candidates_that_are_surely_the_same_are_tied():
    found = standing(scores(100, 100.01, 99.99, noise=0.0005, rounds=6))
    assert len(found.left) == 3
    assert found.tied


def test_one_candidate_alone_is_the_leader():
    found = standing({4: [1.0, 2.0]})
    assert (found.leader, found.left, found.dropped, found.tied) == (4, (4,), (), False)


def test_a_gain_is_the_mean_of_pairs_with_student_s_interval():
    found = gain([math.log(x) for x in (110, 55, 22)], [math.log(x) for x in (100, 50, 20)])
    assert found.ratio == pytest.approx(1.1)
    assert found.sure
    wide = gain([0.0, 0.2, 0.1], [0.0, 0.0, 0.0])
    assert wide.low < 1 < wide.high
    assert not wide.sure
    assert wide.low == pytest.approx(math.exp(0.1 - 4.302653 * 0.1 / math.sqrt(3)), rel=1e-6)
