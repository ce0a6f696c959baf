"""The odd node of a fleet against a planted truth: whom `places` names, and how often it names an honest one."""

import numpy as np
import pytest

from harness.measure.nodes import Place, places
from tests.support.planted_fleets import fleet, named, shares


@pytest.mark.parametrize("nodes", [3, 5, 12])
def test_a_node_that_is_ten_percent_slow_is_named_and_it_alone(nodes):
    right, wrong = shares(400, nodes=nodes, planted=0.9)
    assert right >= 0.95
    assert wrong <= 0.01


def test_one_configuration_is_enough_for_a_node_with_a_burnt_core():
    right, wrong = shares(400, units=1, planted=0.7)
    assert right >= 0.95
    assert wrong <= 0.01


@pytest.mark.parametrize("units", [1, 2, 4, 12])
@pytest.mark.parametrize("nodes", [3, 8])
def test_a_fleet_of_equal_nodes_names_nobody(units, nodes):
    random = np.random.default_rng(7)
    assert sum(bool(named(fleet(random, nodes=nodes, units=units))) for _ in range(400)) <= 4


def test_at_the_edge_of_the_band_a_node_is_named_no_more_often_than_the_level():
    """Truly as slow as the band allows: naming it is an error."""
    random = np.random.default_rng(11)
    found = sum("n0" in named(fleet(random, planted=0.97, run=0.0)) for _ in range(1000))
    assert found <= 50


def test_nodes_that_scatter_within_the_band_are_left_alone():
    random = np.random.default_rng(5)
    assert sum(bool(named(fleet(random, of_node=0.005, nodes=6))) for _ in range(300)) <= 6


def test_a_fast_node_is_named_as_one():
    random = np.random.default_rng(3)
    found = {one.node: one.place for one in places(fleet(random, planted=1.15))}
    assert found["n0"] is Place.FAST
    assert all(found[node] is not Place.SLOW for node in ("n1", "n2"))


@pytest.mark.parametrize(("nodes", "units"), [(3, 1), (16, 1), (16, 4)])
def test_an_honest_node_that_scatters_is_named_no_more_often_than_the_level(nodes, units):
    """Pooled with the quiet ones, it was named in a fifth of the fleets of sixteen."""
    _, wrong = shares(200, nodes=nodes, units=units, noisy=12.0)
    assert wrong <= 0.05


def test_a_node_that_scatters_does_not_hide_a_slow_one():
    right, wrong = shares(200, nodes=5, units=4, noisy=12.0, planted=0.9)
    assert right >= 0.95
    assert wrong <= 0.01


def test_scatter_from_run_to_run_alone_is_seen_from_three_runs_on():
    random = np.random.default_rng(13)
    runs = fleet(random, nodes=6, units=6, between=0.0005, run=0.002, noisy=30.0)
    by_node = {one.node: one for one in places(runs)}
    assert by_node["n1"].place is Place.CANNOT_TELL
    assert all(one.place is Place.WITHIN for node, one in by_node.items() if node != "n1")


def test_of_two_nodes_nobody_says_which_is_odd():
    random = np.random.default_rng(3)
    assert named(fleet(random, nodes=2, planted=0.7)) == set()


def test_one_process_and_one_run_say_nothing():
    runs = {0: {"n0": [1.0], "n1": [2.0], "n2": [1.0]}}
    assert all(one.place is Place.CANNOT_TELL and one.against is None for one in places(runs))


def test_a_node_that_measured_less_is_compared_by_what_it_shares():
    random = np.random.default_rng(3)
    runs = fleet(random, planted=0.8, units=6)
    for unit in (0, 1):
        del runs[unit]["n0"]
    found = next(one for one in places(runs) if one.node == "n0")
    assert (found.place, found.against.units) == (Place.SLOW, 4)
    assert 0.75 < found.against.low < found.against.ratio < found.against.high < 0.85
