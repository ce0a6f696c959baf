"""The verdict of a parity: by the whole interval of the ratio, after the numbers of pairs that were fixed beforehand."""

import math

import numpy as np
import pytest

from benchmarks import pairs
from benchmarks.pairs import (
    Ratio,
    Series,
    Verdict,
    cv_ratio,
    level_of,
    mean_ratio,
    median_ratio,
    met,
    until_decided,
    verdict,
)


def ratio(low: float, high: float, point: float | None = None, n: int = 100) -> Ratio:
    return Ratio(math.sqrt(low * high) if point is None else point, low, high, n)


@pytest.mark.parametrize("interval", [(0.985, 1.015), (0.98, 1.02), (1.005, 1.019), (0.981, 0.99)])
def test_an_interval_inside_the_band_is_equivalent(interval):
    assert verdict(ratio(*interval)) is Verdict.EQUIVALENT


@pytest.mark.parametrize("interval", [(1.0201, 1.2068), (0.9, 0.9799), (0.5, 0.6)])
def test_an_interval_outside_of_the_band_is_not_equivalent(interval):
    assert verdict(ratio(*interval)) is Verdict.NOT_EQUIVALENT


@pytest.mark.parametrize(
    "interval",
    [
        (1.0181, 1.2068),  # PyTorch's prefill, which merely touched the band and was called met
        (0.7637, 1.1060),  # vLLM's whole request
        (0.9675, 0.9974),  # llama.cpp's decode
        (0.9911, 1.0205),
        (0.0, math.inf),
    ],
)
def test_an_interval_across_an_edge_decides_nothing(interval):
    assert verdict(ratio(*interval)) is Verdict.UNDECIDED


def test_a_narrow_interval_from_too_few_pairs_decides_nothing():
    assert verdict(ratio(0.999, 1.001, n=99)) is Verdict.UNDECIDED
    assert verdict(ratio(1.5, 1.6, n=99)) is Verdict.UNDECIDED


def test_not_a_number_is_never_equivalent():
    assert verdict(ratio(math.nan, math.nan)) is Verdict.UNDECIDED


def test_a_bar_is_met_by_equivalence_and_by_the_least_median_together():
    inside, below = ratio(0.985, 1.01, point=0.996), ratio(0.985, 1.01, point=0.994)
    assert met(inside, Verdict.EQUIVALENT, 0.995) == "yes"
    assert met(below, Verdict.EQUIVALENT, 0.995) == "NO"
    assert met(below, Verdict.EQUIVALENT) == "yes"


def test_what_is_undecided_is_neither_met_nor_missed():
    assert met(ratio(0.9, 1.3, point=1.1), Verdict.UNDECIDED, 0.995) == "not decided"
    assert met(ratio(0.9, 0.95), Verdict.NOT_EQUIVALENT) == "NO"


def test_the_median_interval_takes_the_order_statistics_of_the_tables():
    """n = 100 at 95 %: the 40th and the 61st value (Hahn & Meeker, table A.15)."""
    values = [1 + i / 1000 for i in range(1, 101)]
    found = median_ratio(values, [1.0] * 100)
    assert (found.low, found.high) == pytest.approx((1.040, 1.061))
    assert found.point == pytest.approx(math.sqrt(1.050 * 1.051))


def test_one_wild_pair_moves_the_mean_and_not_the_median():
    calm = [1.0] * 99
    found = [f([*calm, 40.0], [1.0] * 100) for f in (median_ratio, mean_ratio)]
    assert found[0] == Ratio(1.0, 1.0, 1.0, 100)
    assert found[1].high > 1.1


@pytest.mark.parametrize("n", [1, 5])
def test_so_few_pairs_have_no_median_interval_at_all(n):
    found = median_ratio([1.0] * n, [1.0] * n)
    assert (found.low, found.high) == (0.0, math.inf)


def test_thousands_of_pairs_have_an_interval():
    found = median_ratio(list(np.linspace(0.9, 1.1, 2001)), [1.0] * 2001)
    assert 0.99 < found.low < 1.0 < found.high < 1.01


def test_sides_of_different_lengths_are_no_pairs():
    with pytest.raises(ValueError, match="no pairs"):
        median_ratio([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="no pairs"):
        mean_ratio([], [])


def test_the_median_interval_covers_what_it_says():
    """Skewed ratios whose median is 1, three looks together: the truth lies inside of all three in 95 of 100 at least."""
    chance, looks, held = np.random.default_rng(3), (20, 40, 80), 0
    for _ in range(500):
        sample = np.exp(0.1 * (chance.exponential(size=80) - math.log(2)))
        intervals = [median_ratio(list(sample[:n]), [1.0] * n, level_of(3)) for n in looks]
        held += all(one.low <= 1 <= one.high for one in intervals)
    assert held / 500 >= 0.94


def test_cv_ratio_of_a_noise_that_both_share_is_known_far_better_than_of_two_noises():
    chance = np.random.default_rng(5)
    shared = np.exp(0.04 * chance.standard_normal(60))
    own = [np.exp(0.005 * chance.standard_normal(60)) for _ in range(2)]
    together = cv_ratio(list(shared * own[0]), list(shared * own[1]))
    apart = cv_ratio(list(shared), list(np.exp(0.04 * chance.standard_normal(60))))
    assert together.low < 1 < together.high
    assert together.high / together.low < 1.2 < apart.high / apart.low


def test_cv_ratio_draws_neighbours_together_where_one_side_has_several():
    chance = np.random.default_rng(7)
    many = list(np.exp(0.04 * chance.standard_normal(180)))
    few = [math.exp(float(np.mean(np.log(many[i : i + 3])))) for i in range(0, 180, 3)]
    found = cv_ratio(few, many, groups=60)
    assert found.pairs == 60
    assert found.low < 1 / math.sqrt(3) < found.high < 0.8


@pytest.mark.parametrize(("a", "b", "groups"), [([1.0], [1.0], None), ([1.0, 2.0, 3.0], [1.0] * 3, 2)])
def test_cv_ratio_needs_whole_groups(a, b, groups):
    with pytest.raises(ValueError, match="groups"):
        cv_ratio(a, b, groups)


@pytest.mark.parametrize(
    ("interval", "runs", "said"),
    [
        ((0.6, 1.0999), 30, "yes"),
        ((0.6, 1.1), 30, "not decided"),
        ((0.9472, 1.3024), 40, "not decided"),
        ((1.1, 1.4), 30, "NO"),
        ((0.0, 1.02), 2, "not decided"),
        ((1.2, 1.4), 29, "not decided"),
    ],
)
def test_a_spread_is_below_the_bar_where_its_whole_interval_is_and_the_runs_are_enough(interval, runs, said):
    assert pairs.below(ratio(*interval, n=runs), 1.1) == said


def fill(value: float, spread: float = 0.0):
    """A source of pairs with that median and spread, which remembers how many it was asked for."""
    asked: list[int] = []

    def add(name: str, count: int, to: Series) -> None:
        asked.append(count)
        for index in range(count):
            to.ours.append(value * math.exp(spread * (index / (count - 1) - 0.5)))
            to.its.append(1.0)
            to.first.append("ours")

    return add, asked


@pytest.mark.parametrize("value", [1.0, 1.3])
def test_what_is_decided_at_a_look_is_measured_no_further(value):
    add, asked = fill(value, 0.01)
    made = until_decided(["x"], add, (100, 200, 400), 1e9)
    assert asked == [100]
    assert len(made["x"].ours) == 100


def test_what_is_undecided_goes_on_to_the_last_look():
    add, asked = fill(1.02, 0.5)
    made = until_decided(["x"], add, (100, 200, 400), 1e9)
    assert asked == [100, 100, 200]
    assert verdict(made["x"].ratio()) is Verdict.UNDECIDED


def test_after_the_limit_nothing_more_is_measured():
    add, asked = fill(1.02, 0.5)
    seconds = iter([0.0, 5.0, 11.0, 12.0])
    made = until_decided(["x"], add, (100, 200, 400), 10, clock=lambda: next(seconds))
    assert asked == [100]
    assert len(made["x"].ours) == 100


def test_a_quantity_that_was_never_measured_is_empty_and_decides_nothing():
    add, asked = fill(1.0)
    assert until_decided(["x"], add, (100,), 0, clock=lambda: 1.0)["x"].ours == []
    assert asked == []


def test_more_looks_make_each_interval_wider():
    sample, ones = list(np.linspace(0.97, 1.03, 100)), [1.0] * 100
    one, three = (median_ratio(sample, ones, level_of(looks)) for looks in (1, 3))
    assert one.low > three.low
    assert one.high < three.high
    assert level_of(1) == pairs.LEVEL


def test_an_early_look_at_few_pairs_decides_nothing():
    add, asked = fill(1.0, 0.001)
    until_decided(["x"], add, (20, 100), 1e9)
    assert asked == [20, 80]
