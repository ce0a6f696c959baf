"""The frames of one worker as a value. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from harness.measure.counters import Counter, most
from harness.measure.throttling import THROTTLING
from harness.measure.trial import Purpose, Trial
from harness.worker.frames import Frame, trial_from

THROTTLED_SHARE_PPM = 10_000  # of a trial spent throttled by the control group: more makes it invalid


@dataclass(frozen=True, slots=True)
class ProcessLog:
    """One worker process; `complete` when it carried out its whole plan."""

    index: int
    hello: Mapping[str, Any] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    load_ns: int = 0
    clock: Mapping[str, int] = field(default_factory=dict)
    drift_ppm: int = 0  # the clocks' rate error; steps of the wall clock are no part of it
    clocks: Mapping[str, int] = field(default_factory=dict)  # steps, largest_step_ns, asleep_ns, undecided
    probe: Mapping[str, Any] | None = None
    peak_rss_bytes: int = 0
    trials: tuple[Trial, ...] = ()
    complete: bool = False
    failure: str = ""  # the code of the error that ended it, once that is known

    def timed(self, workload: str) -> list[Trial]:
        """The valid timed trials of a workload."""
        return [t for t in self.trials if t.workload == workload and t.purpose is Purpose.TIMED and t.valid]


def collect(index: int, frames: Sequence[Frame]) -> ProcessLog:
    """Fold the frames. Trials of a process that did not end well are kept, but invalid."""
    log = ProcessLog(index)
    trials = []
    for frame in frames:
        match frame.kind:
            case "hello":
                log = replace(log, hello=frame.header)
            case "loaded":
                log = replace(log, facts=frame.header["facts"], load_ns=frame.header["load_ns"])
            case "clock":
                log = replace(log, clock=frame.header)
            case "clocks":
                log = replace(log, drift_ppm=frame.header["drift_ppm"], clocks=frame.header)
            case "probe":
                log = replace(log, probe=frame.header)
            case "trial":
                trials.append(replace(trial_from(frame), process=index))
            case "telemetry" if trials:
                counters = {**trials[-1].counters, **{name: int(value) for name, value in frame.header.items()}}
                trials[-1] = replace(trials[-1], counters=counters)
            case "failed":
                log = replace(log, failure=frame.header["code"])
            case "end":
                log = replace(log, complete=True, peak_rss_bytes=frame.header["peak_rss_bytes"])
    complete = log.complete and not log.failure
    return replace(log, complete=complete, trials=tuple(judge(trial, complete) for trial in trials))


def judge(trial: Trial, complete: bool) -> Trial:
    """Apply the rules that were declared before the run; the worker's own reason comes first."""
    if trial.invalid_reason:
        return trial
    if not complete:
        return replace(trial, invalid_reason="process-failed: its worker did not end its plan")
    throttled, length = trial.counters.get(Counter.CPU_THROTTLED_NS, 0), int(trial.token_ns[-1])
    if length and throttled * 1_000_000 // length > THROTTLED_SHARE_PPM:
        return replace(trial, invalid_reason=f"throttled: {throttled} ns of {length} by the control group's quota")
    reasons = trial.counters.get(Counter.THROTTLE_REASONS, 0) & THROTTLING
    if reasons or trial.counters.get(Counter.THERMAL_VIOLATION_NS, 0) > 0:
        return replace(trial, invalid_reason=f"throttled: the device held its clocks down (reasons {reasons:#x})")
    if trial.counters.get(most(Counter.STRANGERS), 0) > 0:
        return replace(trial, invalid_reason="stranger: another process computed on the device")
    return trial
