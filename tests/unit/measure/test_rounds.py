"""The order in which several runs' processes take turns: seeded, and each second round the reverse of the one before."""

from harness.measure.rounds import order


def test_every_round_holds_each_run_once():
    for index in range(6):
        assert sorted(order(7, index, seed=3)) == list(range(7))


def test_each_second_round_is_the_reverse_of_the_one_before():
    for index in (0, 2, 4):
        assert order(12, index + 1, 5) == tuple(reversed(order(12, index, 5)))


def test_the_seed_decides_and_pairs_of_rounds_differ():
    assert order(12, 0, 1) == order(12, 0, 1)
    assert order(12, 0, 1) != order(12, 0, 2)
    assert order(12, 0, 1) != order(12, 2, 1)
