"""Intervals, percentiles and verdicts against scipy, the references, and figures worked by hand."""

import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from harness.errors import BadInput
from harness.measure.comparison import Verdict, compare, not_comparable, repeatability_limit
from harness.measure.distribution import distribution, lag1_autocorrelation, required_samples
from harness.measure.estimate import estimate
from harness.measure.stopping import FixedNumber, Rule, SequentialLooks
from harness.measure.student import t_quantile
from harness.measure.trend import mann_kendall_p, theil_sen_change
from harness.measure.warmup import needs_more, settled

RATES = st.floats(0.1, 1e5)


@given(p=st.floats(0.001, 0.999), df=st.floats(0.3, 2000))
def test_students_quantile_is_scipys(p, df):
    from scipy import stats  # a second to import, which each process of tests would pay

    expected = stats.t.ppf(p, df)
    assert t_quantile(p, df) == pytest.approx(expected, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize(("percent", "needed"), [(50, 6), (90, 29), (95, 59), (99, 299), (5, 59), (25, 11), (75, 11)])
def test_a_percentile_needs_so_many_independent_values(percent, needed):
    p = percent / 100
    assert required_samples(percent) == needed
    assert p**needed + (1 - p) ** needed <= 0.05 < p ** (needed - 1) + (1 - p) ** (needed - 1)


def test_a_percentile_that_the_sample_can_not_hold_is_null_with_the_reason():
    found = distribution(np.arange(1.0, 101.0))
    assert found.at(95).value == pytest.approx(np.quantile(np.arange(1.0, 101.0), 0.95))
    assert found.at(99).value is None
    assert found.at(99).reason == "needs 299 independent values, the sample is worth 100"
    correlated = distribution(np.arange(1.0, 101.0), rho=0.5)
    assert correlated.n_eff == pytest.approx(100 / 3)
    assert correlated.at(95).value is None


def test_the_correlation_of_tokens_is_found():
    rng = np.random.default_rng(1)
    noise = rng.normal(size=(20, 400))
    series = np.zeros_like(noise)
    for k in range(1, 400):
        series[:, k] = 0.6 * series[:, k - 1] + noise[:, k]
    assert lag1_autocorrelation([series]) == pytest.approx(0.6, abs=0.03)
    assert abs(lag1_autocorrelation([noise])) < 0.03
    assert lag1_autocorrelation([np.ones((2, 9))]) == 0


def test_an_estimate_is_the_geometric_mean_with_t_on_logs():
    from scipy import stats

    values = [np.array([90.0, 100.0, 500.0]), np.array([110.0]), np.array([120.0, 120.0])]
    found = estimate(values)
    logs = np.log([100, 110, 120])
    margin = stats.t.ppf(0.975, 2) * logs.std(ddof=1) / math.sqrt(3)
    assert found.point == pytest.approx(math.exp(logs.mean()))
    assert found.low == pytest.approx(math.exp(logs.mean() - margin))
    assert found.high == pytest.approx(math.exp(logs.mean() + margin))
    assert found.decides


def test_one_process_gives_a_point_and_says_why_no_more():
    found = estimate([np.array([5.0, 6.0, 7.0])])
    assert (found.point, found.low, found.decides) == (pytest.approx(6.0), None, False)
    assert found.reason
    assert estimate([]) is None


@given(st.lists(RATES, min_size=3, max_size=9), st.lists(RATES, min_size=3, max_size=9))
def test_swapping_the_sides_inverts_the_ratio(a, b):
    there, back = compare(a, b), compare(b, a)
    assert there.ratio * back.ratio == pytest.approx(1)
    assert there.low * back.high == pytest.approx(1, rel=1e-6)


@given(st.lists(RATES, min_size=3, max_size=9), st.floats(0.01, 100))
def test_the_unit_does_not_matter(values, scale):
    assume(max(values) < 1e4 * min(values))
    here, there = compare(values, values[::-1]), compare([scale * v for v in values], [scale * v for v in values[::-1]])
    assert here.verdict is there.verdict
    assert here.low == pytest.approx(there.low)


@pytest.mark.parametrize(
    ("a", "b", "verdict"),
    [
        ((100, 100.5, 99.5), (100, 100.2, 99.8), Verdict.SAME),
        ((130, 131, 129), (100, 101, 99), Verdict.FASTER),
        ((70, 71, 69), (100, 101, 99), Verdict.SLOWER),
        ((110, 118, 101), (100, 106, 94), Verdict.CANNOT_TELL),
        ((100, 100), (100, 100), Verdict.CANNOT_TELL),
        ((100, 100, 100), (100, 100, 100), Verdict.SAME),
    ],
)
def test_verdicts_follow_the_interval_never_the_point(a, b, verdict):
    assert compare(a, b).verdict is verdict


def test_for_times_the_words_are_turned_round():
    assert compare((70, 71, 69), (100, 101, 99), higher_is_better=False).verdict is Verdict.FASTER


def test_a_comparison_that_can_not_tell_says_how_many_more_would():
    found = compare((107, 113, 101), (100, 103, 97))
    assert found.verdict is Verdict.CANNOT_TELL
    assert found.more_processes > 0
    more = found.more_processes + 3
    a = np.resize((107, 113, 101), more)
    b = np.resize((100, 103, 97), more)
    assert compare(a, b).high < compare((107, 113, 101), (100, 103, 97)).high


def test_runs_that_differ_are_not_comparable_and_the_field_is_named():
    assert not_comparable(["prompt_tokens"]).reason == "differs in prompt_tokens"


def test_the_repeatability_limit_is_the_95th_percentile_of_the_deviation():
    ratios = [1 + 0.001 * k for k in range(-50, 51)]
    assert repeatability_limit(ratios) == pytest.approx(0.0475, abs=0.002)
    with pytest.raises(BadInput):
        repeatability_limit([1.0] * 5)


@given(st.lists(st.floats(50, 150), min_size=1, max_size=12), st.floats(0, 1e4), st.floats(1, 1e4), st.floats(0, 100))
def test_a_run_always_ends(medians, elapsed, budget, each):
    for rule in (SequentialLooks(), FixedNumber(4)):
        decision = rule.decide(medians, elapsed, budget, each)
        if len(medians) >= 8:
            assert decision.stop
        if decision.rule is Rule.PRECISE:
            assert decision.precise


def test_mann_kendall_agrees_with_kendalls_tau():
    from scipy import stats

    rng = np.random.default_rng(3)
    for _ in range(30):
        values = rng.normal(size=20) + np.linspace(0, 1, 20)
        assert mann_kendall_p(values) == pytest.approx(stats.kendalltau(range(20), values).pvalue, abs=0.02)
    assert theil_sen_change(np.linspace(100, 110, 11)) == pytest.approx(10 / 105)


def test_two_equal_warm_ups_are_enough_and_a_slow_first_one_is_not():
    assert needs_more([], 0, 30)
    assert needs_more([100], 0, 30)
    assert not needs_more([100, 101], 1, 30)
    assert needs_more([200, 100], 1, 30)
    assert not needs_more([200, 100, 101], 1, 30)
    assert not needs_more([200, 100], 31, 30)
    assert settled([200, 100, 101])
