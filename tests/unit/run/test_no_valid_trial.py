"""Why a process has no valid trial of the headline is a reason of the headline's own trials."""

import numpy as np

from harness.measure.trial import Mode, Purpose, Trial
from harness.run.execute.one_process import _why_none


def invalid(workload, reason):
    none = np.zeros(1, np.int64)
    return Trial(0, 0, workload, Purpose.TIMED, Mode.GREEDY, 8, 24, 0, none, none[:0], invalid_reason=reason)


def test_another_workload_is_no_reason():
    trials = [invalid("chat", "token-count: 32 of 12"), invalid("decode", "token-count: 44 of 24")]
    assert _why_none(trials, "decode") == "token-count: 44 of 24"
    assert _why_none(trials[:1], "decode") == "none was run"
