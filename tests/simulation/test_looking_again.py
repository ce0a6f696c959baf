"""What looking more than once costs: error rates of whole runs under the stopping rule, both edges, both ways to stop."""

import numpy as np
import pytest

from harness.measure.comparison import Verdict, compare
from harness.measure.estimate import estimate
from harness.measure.findings import Severity, workload_findings
from harness.measure.stopping import ALPHA, Rule, SequentialLooks
from harness.measure.trial import Mode, Purpose, Trial
from harness.measure.warmup import needs_more
from tests.simulation.bootstrap import hierarchical_bootstrap


def run(rng, between, rule, truth=1.0):
    """The process medians of one run that ends as `rule` says, and the decision that ended it."""
    medians = truth * np.exp(rng.normal(0, between, rule.looks[-1]))
    for look in rule.looks:
        decision = rule.decide(medians[:look], 0, None, 0)
        if decision.stop:
            break
    return medians[:look], decision


@pytest.mark.parametrize("edge", [0.90, 1.10])
def test_the_whole_rule_calls_a_ratio_on_the_edge_the_same_in_fewer_than_5_of_100(edge):
    rng = np.random.default_rng(21)
    wrong = 0
    for _ in range(2000):
        hub = tuple(np.exp(rng.normal(0, 0.01, 5)))
        ours, decision = run(rng, 0.01, SequentialLooks(baseline_medians=hub), edge)
        verdict = compare(ours, hub, alpha=ALPHA).verdict
        assert (decision.rule is Rule.PRECISE_AND_DECIDED) <= (verdict is not Verdict.CANNOT_TELL)
        wrong += verdict is Verdict.SAME
    assert wrong / 2000 < 0.05, wrong


@pytest.mark.parametrize("edge", [0.90, 1.10])
def test_two_runs_that_each_stopped_when_precise_need_the_smaller_alpha(edge):
    rng = np.random.default_rng(22)
    same = {ALPHA: 0, 0.05: 0}
    for _ in range(2000):
        (a, _), (b, _) = run(rng, 0.02, SequentialLooks(), edge), run(rng, 0.02, SequentialLooks())
        for alpha in same:
            same[alpha] += compare(a, b, alpha=alpha).verdict is Verdict.SAME
    assert same[ALPHA] / 2000 < 0.05, same
    assert same[0.05] / 2000 > 0.06, same  # why: a run stops the sooner, the smaller its scatter happens to look


@pytest.mark.parametrize(("between", "least"), [(0.005, 0.94), (0.01, 0.93), (0.02, 0.90)])
def test_stopping_when_precise_costs_a_little_of_the_95_per_cent(between, least):
    rng = np.random.default_rng(23)
    found = [estimate([np.array([m]) for m in run(rng, between, SequentialLooks())[0]]) for _ in range(4000)]
    covered = np.mean([e.low <= 1 <= e.high for e in found])
    assert least <= covered <= 0.96, covered


def test_the_hierarchical_bootstrap_is_too_narrow_for_three_processes():
    rng = np.random.default_rng(24)
    covered = 0
    for _ in range(300):
        values = np.exp(rng.normal(0, 0.02, (3, 1)) + rng.normal(0, 0.01, (3, 5)))
        low, high = hierarchical_bootstrap(list(values), seed=1)
        covered += low <= 1 <= high
    assert 0.65 < covered / 300 < 0.90, covered


def clean(rng, processes, noise, between, timed=3):
    """Trials of a machine where nothing is wrong, warmed up as the worker does."""
    found = []
    for process in range(processes):
        level, lengths, order = 10e6 * np.exp(rng.normal(0, between)), [], 0
        while order < len(lengths) + timed:
            warming = order == len(lengths) and needs_more(lengths, 0.0)
            gaps = level * np.exp(rng.normal(0, noise)) * np.exp(rng.normal(0, 0.02, 32))
            stamps = np.cumsum(np.concatenate(([30e6], gaps))).astype(np.int64)
            if warming:
                lengths.append(int(stamps[-1]))
            purpose = Purpose.WARMUP if warming else Purpose.TIMED
            values = (process, order, "w", purpose, Mode.GREEDY, 16, 33, 0, stamps, np.zeros(0, np.int64))
            found.append(Trial(*values))
            order += 1
    return found


@pytest.mark.parametrize("noise", [0.005, 0.01, 0.02])
@pytest.mark.parametrize("processes", [3, 5, 8])
def test_a_clean_machine_is_seldom_accused_and_its_trials_seldom_tagged(processes, noise):
    rng = np.random.default_rng(processes)
    warned = tagged = 0
    for _ in range(200):
        found = workload_findings("w", clean(rng, processes, noise, noise))
        warned += any(finding.severity is not Severity.NOTE for finding in found)
        tagged += any(finding.code == "outliers" for finding in found)
    assert warned / 200 <= 0.05, warned
    assert tagged / 200 <= 0.06, tagged


def test_two_warm_ups_normally_suffice_on_a_clean_machine():
    rng = np.random.default_rng(25)
    more = [needs_more(np.exp(rng.normal(0, 0.01, 2)) * 1e9, 0.0) for _ in range(2000)]
    assert np.mean(more) < 0.01
