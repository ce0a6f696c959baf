"""Samples must be those of the run's own plan: what is relabelled, left out, added or shortened is found."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from harness.measure.trial import Mode, Purpose
from harness.record.schema import FailedProcess
from harness.verify.plan import faults


def picked(real, purpose=Purpose.TIMED, workload=None):
    """The place of the first such trial."""
    workload = workload or real.record.suite.headline
    return next(i for i, t in enumerate(real.trials) if t.purpose is purpose and t.workload == workload)


def with_trial(real, place, **changes):
    trials = list(real.trials)
    trials[place] = replace(trials[place], **changes)
    return trials


def test_a_real_run_follows_its_plan(real):
    assert faults(real.record, real.trials) == []
    assert faults(real.record, tuple(reversed(real.trials))) == []


def test_a_slow_trial_relabelled_as_distinct_is_found(real):
    assert faults(real.record, with_trial(real, picked(real), purpose=Purpose.DISTINCT))


def test_a_slow_trial_relabelled_as_warm_up_is_found(real):
    assert faults(real.record, with_trial(real, picked(real), purpose=Purpose.WARMUP))


@pytest.mark.parametrize(
    "reason",
    [
        "throttled: 5 ns of 6 by the control group's quota",
        "throttled: the device held its clocks down (reasons 0x8)",
        "stranger: another process computed on the device",
        "process-failed: its worker did not end its plan",
        "token-count: 3 of 4",
        "stamp-count: 1 of 2",
        "not-in-vocabulary: 7",
        "slow",
    ],
)
def test_an_invalid_trial_without_evidence_is_found(real, reason):
    assert faults(real.record, with_trial(real, picked(real), invalid_reason=reason))


@pytest.mark.parametrize(
    ("reason", "counters"),
    [
        ("throttled: by the control group's quota", {"cpu_throttled_ns": 10**9}),
        ("throttled: the device held its clocks down", {"thermal_violation_ns": 5}),
        ("stranger: another process computed on the device", {"strangers_max": 1}),
    ],
)
def test_an_invalid_trial_with_its_evidence_is_taken(real, reason, counters):
    place = picked(real)
    counters = {**real.trials[place].counters, **counters}
    assert faults(real.record, with_trial(real, place, invalid_reason=reason, counters=counters)) == []


def test_a_trial_that_counted_wrong_may_be_kept_as_invalid(real):
    place = picked(real)
    cut = real.trials[place].output_ids[:-1]
    assert faults(real.record, with_trial(real, place, output_ids=cut, invalid_reason="token-count: short")) == []


def test_a_left_out_trial_is_found(real):
    place = picked(real)
    left = [t for i, t in enumerate(real.trials) if i != place]
    assert faults(real.record, left)
    # and so it is where the orders behind it close the gap
    gone = real.trials[place]
    closed = [replace(t, order=t.order - 1) if t.process == gone.process and t.order > gone.order else t for t in left]
    assert faults(real.record, closed)


def test_an_added_trial_is_found(real):
    last = max((t for t in real.trials if t.process == 0), key=lambda t: t.order)
    assert faults(real.record, [*real.trials, replace(last, order=last.order + 1)])


def test_two_trials_that_changed_places_are_found(real):
    process = [t for t in real.trials if t.process == 0 and t.purpose is Purpose.TIMED]
    a, b = process[0], next(t for t in process if t.workload != process[0].workload)
    swapped = [
        replace(t, order={a.order: b.order, b.order: a.order}.get(t.order, t.order)) if t.process == 0 else t
        for t in real.trials
    ]
    assert faults(real.record, swapped)


def test_another_seed_is_found(real):
    run = real.record.run.model_copy(update={"seed": real.record.run.seed + 1000})
    assert faults(real.record.model_copy(update={"run": run}), real.trials)


@pytest.mark.parametrize("kept", [2, 16])
def test_samples_shorter_than_the_workload_are_found(real, kept):
    place = picked(real)
    trial = real.trials[place]
    short = with_trial(real, place, token_ns=trial.token_ns[:kept], output_ids=trial.output_ids[:kept])
    assert faults(real.record, short)


@pytest.mark.parametrize(
    "changes", [{"output_tokens": 2}, {"prompt_tokens": 1}, {"mode": Mode.FORCED}, {"workload": "another"}]
)
def test_a_row_that_departs_from_its_workload_is_found(real, changes):
    assert faults(real.record, with_trial(real, picked(real), **changes))


def test_ids_outside_the_vocabulary_are_found(real):
    place = picked(real)
    ids = (*real.trials[place].output_ids[:-1], real.record.runtime.vocab_size)
    assert faults(real.record, with_trial(real, place, output_ids=ids))


def test_fewer_warm_up_trials_than_the_suite_asks_for_are_found(real):
    first = picked(real, Purpose.WARMUP, real.record.workloads[0].id)
    fewer = [
        replace(t, order=t.order - 1) if t.process == 0 and t.order > real.trials[first].order else t
        for i, t in enumerate(real.trials)
        if i != first
    ]
    names = [t.workload for t in fewer if t.process == 0 and t.purpose is Purpose.WARMUP]
    if names.count(real.record.workloads[0].id) < real.record.suite.warmup_trials:
        assert faults(real.record, fewer)


def test_a_process_can_not_be_slipped_in(real):
    assert faults(real.record, [*real.trials, *(replace(t, process=99) for t in real.trials if t.process == 0)])


def test_a_process_that_failed_holds_the_beginning_of_its_plan_all_of_it_invalid(real):
    run = real.record.run.model_copy(update={"failed_processes": (FailedProcess(index=99, reason="crashed"),)})
    record = real.record.model_copy(update={"run": run})
    shift = {t.order for t in real.trials if t.process == 0 and t.purpose is Purpose.WARMUP}
    begun = [replace(t, process=99) for t in real.trials if t.process == 0 and t.order in shift]
    failed = [replace(t, invalid_reason="process-failed: its worker did not end its plan") for t in begun]
    assert faults(record, [*real.trials, *failed[:5]]) == []
    assert faults(record, [*real.trials, *begun[:5]])
    assert faults(record, [*real.trials, *failed[1:5]])


def test_requests_at_once_are_counted(real):
    place = picked(real)
    twice = [*real.trials, replace(real.trials[place], token_ns=np.array(real.trials[place].token_ns))]
    assert faults(real.record, twice)
