"""What must hold of any trial's metrics and any workload's summary."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RecordInvalid
from harness.measure.aggregate import summarise
from harness.measure.findings import CODES, workload_findings
from harness.measure.metrics import METRICS, measure_block, measure_trial, stack
from harness.measure.trial import Mode, Purpose, Trial

NONE = np.zeros(0, np.int64)
GAPS = st.lists(st.integers(0, 10**9), min_size=1, max_size=40)


def make(gaps, prompt=10, process=0, order=0, first=1, **changes):
    stamps = np.cumsum([first + gaps[0], *gaps[1:]]).astype(np.int64)
    values = (process, order, "w", Purpose.TIMED, Mode.GREEDY, prompt, len(gaps), 0, stamps, NONE)
    return replace(Trial(*values), **changes)


trials = st.builds(
    make,
    GAPS,
    prompt=st.sampled_from([0, 1, 512]),
    process=st.integers(0, 3),
    order=st.integers(0, 5),
    counters=st.dictionaries(
        st.sampled_from(["major_faults", "involuntary_switches", "cpu_throttled_ns"]), st.integers(0, 10**6)
    ),
    invalid_reason=st.sampled_from(["", "", "", "out of memory"]),
)


@given(GAPS, st.sampled_from([0, 7]))
def test_the_intervals_make_up_the_decode_time_in_either_shape(gaps, prompt):
    trial = make(gaps, prompt)
    found = measure_trial(trial)
    if found.itl is None:
        assert prompt
        assert len(gaps) == 1
        return
    span = int(trial.token_ns[-1]) - (int(trial.token_ns[0]) if prompt else 0)
    assert found.itl.sum() == span
    if span:
        assert found.tpot == pytest.approx(found.itl.mean())
        assert found.decode_rate * found.tpot == pytest.approx(1e9)


@given(trials)
def test_a_metric_is_a_positive_number_or_null_and_never_zero(trial):
    found = measure_trial(trial)
    for metric in METRICS:
        value = found.scalar(metric)
        assert value is None or (value > 0 and np.isfinite(value))


@given(st.lists(trials, min_size=1, max_size=12))
def test_trials_measured_together_and_alone_say_the_same(batch):
    together = {}
    for block in stack(batch):
        together.update(zip(block.rows, measure_block(block), strict=True))
    for row, trial in enumerate(batch):
        alone = measure_trial(trial)
        assert all(together[row].scalar(metric) == alone.scalar(metric) for metric in METRICS)


@given(st.lists(st.integers(-5, 100), min_size=1, max_size=12), st.integers(1, 12))
def test_stamps_are_measured_or_refused(stamps, output):
    trial = replace(make([1]), token_ns=np.array(stamps, np.int64), output_tokens=output)
    sound = len(stamps) == output and stamps[0] > 0 and stamps == sorted(stamps)
    if sound:
        assert measure_trial(trial).e2e == stamps[-1]
    else:
        with pytest.raises(RecordInvalid):
            measure_trial(trial)


@given(st.lists(trials, max_size=10), st.randoms(use_true_random=False))
def test_neither_the_order_of_the_list_nor_what_is_not_timed_moves_a_number(batch, random):
    before = summarise("w", batch)
    others = [replace(t, purpose=Purpose.WARMUP) for t in batch] + [replace(t, workload="other") for t in batch]
    others += [replace(t, purpose=Purpose.DISTINCT) for t in batch] + [replace(t, invalid_reason="x") for t in batch]
    mixed = batch + others
    random.shuffle(mixed)
    after = summarise("w", mixed)
    assert [entry.metric for entry in before.metrics] == [entry.metric for entry in after.metrics]
    for left, right in zip(before.metrics, after.metrics, strict=True):
        assert left.estimate.process_medians == right.estimate.process_medians
        assert left.trials.n == right.trials.n


@given(st.lists(trials, max_size=14))
def test_the_detectors_take_any_trials(batch):
    for finding in workload_findings("w", batch):
        assert finding.code in CODES
        assert all(type(value) is int for value in finding.evidence.values())


def test_a_run_of_paired_tokens_has_a_decode_rate_and_no_median_interval():
    found = summarise("w", [make([10, 0, 0, 0, 8])])
    metrics = {entry.metric.value for entry in found.metrics}
    assert "decode_rate" in metrics
    assert "itl" not in metrics


def test_without_output_ids_nothing_is_said_of_determinism():
    assert summarise("w", [make([5, 4])]).deterministic is None
