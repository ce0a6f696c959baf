"""Many at once is as one by one."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from harness.catalog import policies
from harness.errors import RecordInvalid
from harness.measure.comparison import compare
from harness.measure.logs import logs_of
from harness.registry.queries.rows import score_row
from harness.registry.queries.scores import standings
from harness.tiers.bulk import MARKS, UNSURE, marks
from harness.tiers.values import Mark
from harness.tiers.verdict import judge
from tests.support.registry_world import world
from tests.support.tier_rows import measurement

POLICY = policies.load().policy
rates = st.one_of(st.floats(50, 200), st.sampled_from([90.0, 100.0, 110.0, 89.999999, 110.000001, 95.0]))
medians = st.lists(rates, min_size=1, max_size=8).map(tuple)


def columns(*records):
    return np.array([(len(m), logs_of(m).mean, logs_of(m).variance, fixed) for m, fixed in records], dtype=float).T


wild = st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=5).map(tuple)
alphas = st.sampled_from([(0.05, 0.02), (0.001, 0.0001), (0.3, 0.49)])


@given(st.one_of(medians, wild), st.one_of(medians, wild), st.booleans(), st.booleans(), alphas)
@settings(max_examples=400)
@example((100.0,), (100.0,), True, True, (0.05, 0.02))
@example((100.0, 101.0), (100.0, 99.0), True, True, (0.05, 0.02))
@example((100.0,) * 3, (100.0,) * 3, True, True, (0.05, 0.02))
@example((100.0,) * 3, (90.0,) * 3, True, True, (0.05, 0.02))
@example((100.0,) * 3, (110.0,) * 3, True, False, (0.05, 0.02))
@example((100.0,) * 3, (110.01,) * 3, True, True, (0.05, 0.02))
@example((99.0, 100.0, 101.0), (100.0,) * 8, True, True, (0.05, 0.02))
def test_a_verdict_of_many_is_the_verdict_of_one(hub, record, hub_fixed, fixed, alpha):
    policy = replace(POLICY, alpha_fixed=alpha[0], alpha_looks=alpha[1])
    one = replace(measurement("hub", fixed_number=hub_fixed), medians=hub)
    other = replace(measurement("other", fixed_number=fixed), medians=record)
    exact = judge(one, other, policy)
    (found,) = marks(columns((hub, hub_fixed)), columns((record, fixed)), policy)
    if found != UNSURE:
        assert MARKS[found] is exact.mark
        return
    made = exact.comparison
    margin = math.log(made.high / made.low) / 2
    edges = (policy.band_low, policy.band_high)
    gaps = [abs(math.log(end / edge)) for end in (made.low, made.high) for edge in edges if end > 0]
    assert min(gaps) < 1.1e-5 * (1 + margin), "only what lies at an edge may be left to `judge`"


around = st.lists(st.floats(0.8, 1.25), min_size=3, max_size=6).map(tuple)
offsets = st.builds(lambda sign, size: sign * 10**size, st.sampled_from((-1, 1)), st.floats(-11, -3))


@given(around, around, st.sampled_from(("low", "high")), st.sampled_from((0.90, 1.10)), offsets)
@settings(max_examples=400)
def test_a_verdict_next_to_an_edge_is_right_or_left_to_judge(hub, record, end, edge, offset):
    band = (POLICY.band_low, POLICY.band_high)
    scale = edge / getattr(compare(record, hub, band, POLICY.alpha_fixed), end) * math.exp(offset)
    moved = tuple(median * scale for median in record)
    exact = judge(replace(measurement("hub"), medians=hub), replace(measurement("other"), medians=moved), POLICY).mark
    (found,) = marks(columns((hub, True)), columns((moved, True)), POLICY)
    assert found == UNSURE or MARKS[found] is exact


@given(medians)
def test_logs_are_those_of_a_comparison(values):
    found, logs = logs_of(values), np.log(np.array(values))
    assert found.n == len(values)
    assert found.mean == pytest.approx(logs.mean(), rel=1e-12)
    assert found.variance == pytest.approx(logs.var(ddof=1) if len(values) > 1 else 0.0, rel=1e-9, abs=1e-28)


@pytest.mark.parametrize("values", [(), (0.0,), (-1.0, 2.0), (math.inf,), (math.nan, 1.0)])
def test_what_has_no_logs_is_refused(values):
    with pytest.raises(RecordInvalid):
        logs_of(values)


def test_marks_has_all_verdicts_of_a_comparison():
    assert set(MARKS) == {Mark.INSIDE, Mark.OUTSIDE, Mark.INCONCLUSIVE}


def test_the_list_says_what_each_row_says(tmp_path):
    made = world(str(tmp_path / "hub"))
    first = made.accepted("ann")
    made.accepted("bob", rate=101.0)
    made.accepted("cat", rate=130.0)
    made.accepted("dan", row=first, rate=99.0, sku="Synthetic GPU B")
    made.accepted("eve", rate=90.2)
    made.submit(made.record("fay", rate=100.0))
    made.accepted("gus", row=first, rate=101.0, sku="Synthetic GPU C", rig="eve")
    made.accepted("hal", sku="Synthetic GPU D", model="another-1b")
    made.submit(made.record("ian", sku="Synthetic GPU E"))
    day = date(2026, 11, 24)
    with made.registry.reading() as reader:
        listed = list(standings(reader, POLICY, day))
        assert len(listed) == 3
        for standing in listed:
            row, score = score_row(reader, standing.row, POLICY, day)
            assert (standing.state, standing.tier, standing.contested) == (score.state, score.tier, score.contested)
            assert standing.records == 1 + len(row.others)
