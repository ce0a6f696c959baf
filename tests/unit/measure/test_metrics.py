"""The metrics' definitions, on stamps that can be checked by hand."""

import numpy as np
import pytest

from harness.errors import RecordInvalid
from harness.measure.aggregate import summarise
from harness.measure.metrics import METRICS, Metric, measure_trial
from harness.measure.trial import Mode, Purpose, Trial

NONE = np.zeros(0, np.int64)


def trial(tokens, prompt=10, output=None, steps=NONE, **changes):
    values = {
        "process": 0, "order": 0, "workload": "w", "purpose": Purpose.TIMED, "mode": Mode.GREEDY,
        "prompt_tokens": prompt, "output_tokens": len(tokens) if output is None else output, "start_ns": 0,
        "token_ns": np.array(tokens, dtype=np.int64), "step_ns": np.array(steps, dtype=np.int64),
    }  # fmt: skip
    return Trial(**{**values, **changes})


def test_a_greedy_trial():
    found = measure_trial(trial([100_000_000, 110_000_000, 130_000_000], steps=[99_000_000, 9_000_000, 19_000_000]))
    assert found.ttft == 100e6
    assert found.prefill_rate == pytest.approx(100)
    assert found.itl.tolist() == [10e6, 20e6]
    assert found.tpot == 15e6
    assert found.decode_rate == pytest.approx(2 / 0.030)
    assert found.step_time.tolist() == [9e6, 19e6]
    assert found.e2e == 130e6


def test_a_forced_decode_counts_every_token_as_llama_bench_does():
    found = measure_trial(trial([10_000_000, 20_000_000], prompt=0, mode=Mode.FORCED))
    assert found.decode_rate == pytest.approx(100)
    assert found.itl.tolist() == [10e6, 10e6]
    assert found.ttft is None
    assert found.prefill_rate is None


def test_a_prefill_alone_has_no_decode():
    found = measure_trial(trial([50_000_000], prompt=512, output=0, mode=Mode.FORCED))
    assert found.prefill_rate == pytest.approx(10240)
    assert found.decode_rate is None
    assert found.itl is None


def test_a_single_token_has_no_decode_rate():
    assert measure_trial(trial([5])).decode_rate is None


@pytest.mark.parametrize(
    ("tokens", "changes"),
    [
        ([10, 5], {}),
        ([0, 5], {}),
        ([-1, 5], {}),
        ([10, 20], {"output": 3}),
        ([10, 20], {"steps": [1]}),
        ([10, 20], {"steps": [1, -1]}),
        ([10], {"prompt": 0, "output": 0}),
    ],
)
def test_damaged_stamps_are_refused(tokens, changes):
    with pytest.raises(RecordInvalid):
        measure_trial(trial(tokens, **changes))


def test_only_valid_timed_trials_enter_a_summary():
    def at(rate, **changes):
        return trial([10, 10 + round(1e9 / rate)], **changes)

    trials = [at(1000, purpose=Purpose.WARMUP), at(100), at(110, process=1), at(5, invalid_reason="x"),
              at(7, purpose=Purpose.DISTINCT), at(9, workload="other")]  # fmt: skip
    found = summarise("w", trials)
    assert (found.warmup, found.timed, found.invalid) == (1, 3, 1)
    estimate = found.metric(Metric.DECODE_RATE).estimate
    assert estimate.process_medians == pytest.approx((100, 110), rel=1e-6)
    assert estimate.point == pytest.approx((100 * 110) ** 0.5, rel=1e-6)


def test_greedy_output_that_differs_is_seen():
    same = [trial([5, 9], output_ids=(1, 2)), trial([5, 9], output_ids=(1, 2))]
    assert summarise("w", same).deterministic is True
    assert summarise("w", [*same, trial([5, 9], output_ids=(1, 3))]).deterministic is False
    assert summarise("w", [trial([5, 9], mode=Mode.FORCED)]).deterministic is None


def test_one_metric_is_the_headline():
    assert [m for m, facts in METRICS.items() if facts.headline] == [Metric.DECODE_RATE]
