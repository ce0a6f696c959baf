"""What must hold of any sample, estimate, comparison and stopping rule."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.measure.comparison import Verdict, compare
from harness.measure.depth import fit_depth
from harness.measure.distribution import PERCENTS, distribution
from harness.measure.estimate import estimate
from harness.measure.order import median, quantiles
from harness.measure.stopping import FixedNumber, Rule, SequentialLooks
from harness.measure.student import incomplete_beta, t_cdf, t_quantile
from harness.measure.trend import mann_kendall_p, theil_sen_change
from harness.measure.warmup import LEAST, MOST, needs_more

RATES = st.floats(1, 1e4)
SAMPLES = st.lists(RATES, min_size=1, max_size=80).map(np.array)
PROCESSES = st.lists(st.lists(RATES, min_size=1, max_size=5).map(np.array), min_size=1, max_size=8)


@given(st.floats(0.2, 500), st.floats(0.2, 500), st.floats(0, 1))
def test_the_incomplete_beta_function_is_scipys(a, b, x):
    from scipy import stats  # a second to import, which each process of tests would pay

    assert incomplete_beta(a, b, x) == pytest.approx(stats.beta.cdf(x, a, b), abs=1e-10)


@given(st.floats(0.3, 1e7), st.floats(-40, 40))
def test_students_distribution_is_scipys_and_symmetric(df, t):
    from scipy import stats

    # Near t = 0 scipy itself is off by 1.5e-9 (df = 1: 1/2 + t/π is exact there).
    assert t_cdf(t, df) == pytest.approx(stats.t.cdf(t, df), abs=2e-9)
    assert t_cdf(t, df) + t_cdf(-t, df) == pytest.approx(1, abs=1e-12)


@given(st.floats(1e-6, 1 - 1e-6), st.floats(0.3, 1e4))
def test_the_quantile_is_the_inverse_of_the_distribution(p, df):
    assert t_cdf(t_quantile(p, df), df) == pytest.approx(p, rel=1e-9, abs=1e-12)


@given(SAMPLES, st.floats(0, 0.95))
def test_percentiles_rise_and_stay_within_the_sample(values, rho):
    found = distribution(values, rho)
    held = [p.value for p in found.percentiles if p.value is not None]
    assert held == sorted(held)
    assert all(found.min <= value <= found.max for value in held)
    assert all((entry.value is None) == bool(entry.reason) for entry in found.percentiles)
    assert tuple(entry.percent for entry in found.percentiles) == PERCENTS


@given(PROCESSES, st.floats(0.01, 100))
def test_an_estimate_holds_its_point_and_scales_with_the_unit(values, scale):
    found, scaled = estimate(values), estimate([scale * v for v in values])
    assert scaled.point == pytest.approx(scale * found.point)
    assert found.decides == (len(values) >= 3)
    if found.low is not None:
        assert found.low <= found.point * (1 + 1e-12)
        assert found.point <= found.high * (1 + 1e-12)
        assert scaled.half_width == pytest.approx(found.half_width, rel=1e-6, abs=1e-9)


@given(st.lists(RATES, min_size=1, max_size=8), st.lists(RATES, min_size=1, max_size=8), st.booleans())
def test_a_verdict_says_what_its_interval_shows(a, b, higher):
    found = compare(a, b, higher_is_better=higher)
    if min(len(a), len(b)) < 3:
        assert found.verdict is Verdict.CANNOT_TELL
        assert found.more_processes == 3 - min(len(a), len(b))
        return
    assert found.low <= found.ratio * (1 + 1e-12)
    assert (found.verdict is Verdict.SAME) == (found.low >= 0.9 and found.high <= 1.1)
    above, below = (Verdict.FASTER, Verdict.SLOWER) if higher else (Verdict.SLOWER, Verdict.FASTER)
    assert (found.verdict is above) == (found.low > 1.1)
    assert (found.verdict is below) == (found.high < 0.9)


@given(st.lists(RATES, min_size=1, max_size=10), st.floats(0, 500), st.floats(0, 500), st.floats(0, 100))
def test_a_look_is_never_begun_that_the_budget_can_not_hold(medians, elapsed, budget, each):
    rule = SequentialLooks()
    decision = rule.decide(medians, elapsed, budget, each)
    following = next((look for look in rule.looks if look > len(medians)), None)
    if not decision.stop:
        assert following is not None
        assert elapsed + (following - len(medians)) * each <= budget
    assert decision.stop == (decision.rule is not Rule.GO_ON)
    assert decision.precise or decision.rule not in (Rule.PRECISE, Rule.PRECISE_AND_DECIDED)


@given(st.integers(1, 9), st.lists(RATES, max_size=10))
def test_a_fixed_number_is_run_and_no_more(processes, medians):
    decision = FixedNumber(processes).decide(medians, 1e9, None, 1e9)
    assert decision.stop == (len(medians) >= processes)


@given(st.lists(st.integers(1, 10**9), max_size=15), st.floats(0, 200))
def test_a_warm_up_takes_two_trials_to_ten(values, elapsed):
    more = needs_more(values, elapsed, 120.0)
    if len(values) < LEAST:
        assert more
    if len(values) >= MOST or (len(values) >= LEAST and elapsed >= 120.0):
        assert not more


@given(st.lists(RATES, min_size=2, max_size=30).map(np.array))
def test_a_trend_backwards_is_the_opposite_trend(values):
    assert mann_kendall_p(values) == pytest.approx(mann_kendall_p(values[::-1]))
    assert theil_sen_change(values) == pytest.approx(-theil_sen_change(values[::-1]), abs=1e-9)


@given(st.floats(1e5, 1e8), st.floats(0, 1e4), st.integers(8, 300), st.integers(0, 4096))
def test_a_straight_rise_with_depth_leaves_nothing_over(intercept, slope, n, first):
    fit = fit_depth(intercept + slope * (first + np.arange(n)), first)
    assert fit.intercept_ns == pytest.approx(intercept, rel=1e-6)
    assert fit.slope_ns == pytest.approx(slope, rel=1e-6, abs=1e-5 * intercept / n)
    assert fit.residual_cv < 1e-9
    assert math.isfinite(fit.residual_cv)


@given(st.lists(st.floats(0, 1e12), min_size=1, max_size=60).map(np.array), st.lists(st.floats(0, 1), min_size=1))
def test_medians_and_quantiles_are_those_of_numpy_to_the_last_bit(values, shares):
    assert median(values) == float(np.median(values))
    assert quantiles(values, shares) == np.quantile(values, shares).tolist()
