"""The hunt for a slower release against a planted truth: how often it names the right one, and how much it measures."""

import numpy as np
import pytest

from harness.hunt.halving import ALPHA, End, Verdict
from tests.support.simulated_hunts import Memory, World, question, shares


def test_five_percent_among_sixteen_releases_are_found_at_one_percent_of_scatter():
    found = shares(100)
    assert found.right >= 0.95
    assert found.wrong <= 0.05
    assert found.steps <= 6


def test_a_flat_history_says_nothing_found():
    found = shares(100, planted=1.0)
    assert found.nothing >= 0.95
    assert found.wrong == 0


def test_at_the_edge_of_the_band_hardly_any_hunt_names_a_release():
    """Truly as slow as the band allows: whatever is named is an error."""
    found = shares(300, planted=0.97)
    assert 1 - found.nothing <= 1
    assert found.right + found.wrong <= ALPHA


@pytest.mark.parametrize("between", [0.02, 0.04])
def test_a_noisy_machine_leaves_it_open_rather_than_wrong(between):
    assert shares(100, between=between).wrong <= ALPHA


def test_a_machine_that_slows_down_blames_no_release():
    random = np.random.default_rng(3)
    ends = [World([1.0] * 16, random, drift=0.0005).hunt(Memory(question(16))).ended.end for _ in range(50)]
    assert ends.count(End.NOTHING) >= 48


def test_what_was_measured_is_all_that_a_resume_needs():
    """Cut off after any batch, and begun again with what is left: the same answer, and nothing is measured twice."""
    truth = [1.0] * 5 + [0.9] * 4
    state = Memory(question(9))
    whole = World(truth, np.random.default_rng(5)).hunt(state)
    measured = {place: list(batches) for place, batches in state.measured.items()}
    for place, batches in measured.items():
        for kept in range(len(batches)):
            cut = Memory(question(9), {**measured, place: batches[:kept]})
            again = World(truth, np.random.default_rng(7)).hunt(cut)
            assert again.ended == whole.ended
            assert cut.measured[place][:kept] == batches[:kept]
            assert all(cut.measured[other] == own for other, own in measured.items() if other != place)
    assert {one.verdict for one in whole.steps} == {Verdict.CHANGED, Verdict.UNCHANGED}
