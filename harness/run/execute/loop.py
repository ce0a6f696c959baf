"""The loop of a run: ask what is next, run one worker, keep its frames, until the rule says stop or the user does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.errors import Interrupted, ReproError, RunFailed
from harness.measure.metrics import measure_trial
from harness.measure.stopping import Decision, FixedNumber, SequentialLooks
from harness.progress import Progress
from harness.run.execute.collect import ProcessLog, collect
from harness.run.execute.journal import Journal, damaged
from harness.run.execute.launcher import Deadlines, Ended, Interpreter, run_worker
from harness.run.execute.next_step import Failure, Finish, GiveUp, SoFar, next_step
from harness.run.execute.telemetry import Telemetry
from harness.worker.frames import Frame, ProtocolError
from harness.worker.plan import Plan


@dataclass(frozen=True, slots=True)
class Outcome:
    """Everything that was measured, and why it ended."""

    logs: tuple[ProcessLog, ...]
    failures: tuple[Failure, ...]
    decision: Decision


@dataclass(frozen=True, slots=True)
class Measuring:
    """One run; `plan_for` gives the plan of a process by its index, and whether it scores the probe."""

    interpreter: Interpreter
    plan_for: Callable[[int, bool], Plan]
    headline: str
    rule: SequentialLooks | FixedNumber
    budget_s: float | None
    deadlines: Deadlines
    journal: Journal
    progress: Progress
    cores: int
    loaded: Callable[[Mapping[str, Any]], None] = lambda _: None  # hears each process's facts; may refuse them
    admit: Callable[[Frame], None] = lambda _frame: None  # raises where the run is not to go on with this engine

    def run(self) -> Outcome:
        """Measure to the end. Raises `RunFailed` or `Interrupted`, with what is kept and how to go on."""
        logs = self._kept()
        failures = [
            Failure(index, RunFailed("it did not end its plan", where="worker", code=log.failure or "interrupted"))
            for index, log in logs.items()
            if not log.complete
        ]
        for log in logs.values():
            if log.facts:
                self.loaded(log.facts)
        known_failures = len(failures)  # those of an earlier start are history, not a reason to give up
        spent = sum(_length_s(log) for log in logs.values())
        began = time.monotonic()
        while True:
            complete = [log for log in logs.values() if log.complete]
            medians, by_length = _medians(complete, self.headline)
            so_far = SoFar(
                medians=medians,
                failures=failures[known_failures:],
                indices_used=max(logs, default=-1) + 1,
                elapsed_s=spent + time.monotonic() - began,
                process_s=max((_length_s(log) for log in complete), default=0.0),
            )
            step = next_step(so_far, _without_baseline(self.rule) if by_length else self.rule, self.budget_s)
            match step:
                case Finish():
                    decision = _of_lengths(step.decision) if by_length else step.decision
                    return Outcome(tuple(logs[i] for i in sorted(logs)), tuple(failures), decision)
                case GiveUp():
                    raise self._failed(step.error, logs)
            try:
                log, failure = self._one(step.index, len(complete), logs)
            except Interrupted:
                raise
            except ReproError as error:  # it was not admitted, or the disk is full
                raise self._failed(error, logs) from error
            logs[step.index] = log
            if failure is not None:
                failures.append(failure)
                self.progress.remark(f"process {step.index} failed: {failure.error}")

    def _one(self, index: int, done: int, logs: dict[int, ProcessLog]) -> tuple[ProcessLog, Failure | None]:
        frames: list[Frame] = []
        plan = self.plan_for(index, not any(log.probe for log in logs.values()))
        least = len(plan.workloads) * (plan.warmup_trials + plan.timed_trials)
        least += sum(bool(w.distinct) for w in plan.workloads)
        goal = self.rule.goal(done)
        trials = 0
        telemetry = Telemetry(self.cores)
        batch: tuple[int, dict[str, int]] = (-1, {})

        def keep(frame: Frame) -> None:
            frames.append(frame)
            self.journal.append(index, frame)

        def on_frame(frame: Frame) -> None:
            nonlocal trials, batch
            self.admit(frame)
            # The meters first: what this program writes is not the trial's. The requests of one batch come one after the
            # other and share what was metered over it.
            if frame.kind == "trial" and frame.header["order"] != batch[0]:
                batch = (int(frame.header["order"]), telemetry.trial())
            keep(frame)
            if frame.kind == "trial" and batch[1]:
                keep(Frame("telemetry", batch[1]))
            if frame.kind == "loaded":
                self.loaded(frame.header["facts"])
                telemetry.begin(frame.header["facts"])
            what = "loading the model"
            if frame.kind == "trial":
                trials += 1
                what = f"{frame.header['workload']} ({frame.header['purpose']})"
            if frame.kind in ("loading", "trial"):
                # Further warm-up trials than the least are not known beforehand: they stand still on the bar.
                self.progress.advance(
                    f"process {done + 1} of {goal}: {what}", done * least + min(trials, least), goal * least
                )
            telemetry.rest()

        try:
            ended = run_worker(self.interpreter, plan, self.deadlines, on_frame)
        except KeyboardInterrupt:
            whole = f" ({done} whole {'process is' if done == 1 else 'processes are'} kept)" if done else ""
            raise Interrupted(f"Stopped; process {done + 1} starts again with --resume{whole}") from None
        except ReproError as refusal:  # of what the process said of itself
            ended = Ended(refusal, "")
        finally:
            telemetry.end()
        if frames:
            self.journal.settle(index)
        log = collect(index, frames)
        error = ended.error
        if error is None and not log.timed(self.headline):
            reasons = sorted({t.invalid_reason for t in log.trials if not t.valid})
            text = f"no valid trial of {self.headline}: {reasons[0] if reasons else 'none was run'}"
            error = RunFailed(text, where="run", code=f"no valid trial of {self.headline}")
        if error is None:
            return log, None
        failed = Frame("failed", {"code": error.code})
        self.journal.append(index, failed)
        return collect(index, [*frames, failed]), Failure(index, error)

    def _kept(self) -> dict[int, ProcessLog]:
        """What an earlier start left. Raises `BadInput` where it can't be used."""
        found = {}
        kept = self.journal.processes()
        for index in self.journal.torn:
            self.progress.remark(f"process {index + 1} of the unfinished run is damaged: it is measured again")
        for index, frames in kept.items():
            try:
                found[index] = collect(index, frames)
            except (KeyError, ValueError, TypeError, IndexError, AttributeError, ProtocolError) as error:
                raise damaged(self.journal.folder, f"process {index}") from error
        return found

    def _failed(self, error: ReproError, logs: dict[int, ProcessLog]) -> ReproError:
        """The error that ended the run, saying what is kept; without any trial there is nothing to keep."""
        kept = sum(len(log.trials) for log in logs.values())
        if not kept:
            self.journal.discard()
            return error
        way_out = f"{error.fix}; " if error.fix else ""
        fix = f"{way_out}{kept} trials are kept in {self.journal.folder}, --resume goes on with them"
        return type(error)(error.what, where=error.where, fix=fix, code=error.code)


def _medians(complete: Sequence[ProcessLog], workload: str) -> tuple[list[float], bool]:
    """Each process's median of the decode rate, tokens/s; where one has none, trials a second instead, and true.

    From some streams no pace can be read, and their run must end all the same.
    """
    measured = [[measure_trial(trial) for trial in log.timed(workload)] for log in complete]
    rates = [[one.decode_rate for one in process if one.decode_rate is not None] for process in measured]
    if all(rates):
        return [float(np.median(own)) for own in rates], False
    return [float(np.median([1e9 / one.e2e for one in process if one.e2e])) for process in measured], True


def _without_baseline(rule: SequentialLooks | FixedNumber) -> SequentialLooks | FixedNumber:
    return replace(rule, baseline_medians=()) if isinstance(rule, SequentialLooks) else rule


def _of_lengths(decision: Decision) -> Decision:
    """What was decided by the trials' lengths says nothing of a decode rate's precision."""
    return replace(decision, precise=False, detail=f"no decode rate; by the trials' lengths: {decision.detail}")


def _length_s(log: ProcessLog) -> float:
    if not log.trials:
        return 0.0
    last = log.trials[-1]
    return (log.load_ns + last.start_ns + int(last.token_ns[-1])) / 1e9
