"""The parent's work never falls into a timed region: the worker waits until it is done."""

import itertools
import sys
import time
from pathlib import Path

from harness.measure.workload import WorkloadPlan
from harness.run.execute import bundle, launcher
from harness.worker.frames import trial_from
from harness.worker.plan import Plan

PAUSE_S = 0.15


def test_a_slow_parent_delays_the_next_trial_and_is_not_timed(tmp_path):
    folder, _ = bundle.make(tmp_path)
    interpreter = launcher.Interpreter(Path(sys.executable), folder, tmp_path / "home")
    plan = Plan("simulated", "/none", "gguf", {"step_us": 200, "prefill_us": 1},
                workloads=(WorkloadPlan("w", "greedy", (1, 2), 10),))  # fmt: skip
    trials = []

    def slow(frame):
        if frame.kind == "trial":
            trials.append(trial_from(frame))
            time.sleep(PAUSE_S)

    assert launcher.run_worker(interpreter, plan, launcher.Deadlines(), slow).error is None
    for before, after in itertools.pairwise(trials):
        between = after.start_ns - (before.start_ns + int(before.token_ns[-1]))
        assert between >= PAUSE_S * 0.95e9
        assert after.token_ns[-1] < PAUSE_S * 0.5e9
