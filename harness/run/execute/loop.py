"""The loop of a run: ask what is next, run one worker, keep its frames, until the rule says stop or the user does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from harness.errors import Interrupted, ReproError, RunFailed
from harness.measure.metrics import measure_trial
from harness.measure.stopping import Decision, FixedNumber, SequentialLooks
from harness.progress import Progress
from harness.run.execute.collect import ProcessLog, collect
from harness.run.execute.journal import Journal, damaged
from harness.run.execute.launcher import Deadlines, Interpreter
from harness.run.execute.next_step import Failure, Finish, GiveUp, SoFar, next_step
from harness.run.execute.one_process import Guards, OneProcess, Place
from harness.run.execute.telemetry import Telemetry
from harness.run.execute.worker_failed import WorkerFailed
from harness.worker.frames import ProtocolError
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
    deadlines: Deadlines
    cores: int
    plan_for: Callable[[int, bool], Plan]
    headline: str
    rule: SequentialLooks | FixedNumber
    budget_s: float | None
    journal: Journal
    progress: Progress
    guards: Guards = field(default_factory=Guards)

    def run(self) -> Outcome:
        """Measure to the end. Raises `RunFailed` or `Interrupted`, with what is kept and how to go on; `WorkerFailed` where no
        process came to its end.
        """
        logs = self._kept()
        failures = [_left(log) for log in logs.values() if not log.complete]
        for log in logs.values():
            if log.facts:
                self.guards.loaded(log.facts)
        earlier = len(failures)  # those of an earlier start are history, not a reason to give up
        spent_s = sum(_length_s(log) for log in logs.values())
        began = time.monotonic()
        while True:
            medians, by_length = _medians(_complete(logs), self.headline)
            so_far = SoFar(
                medians=medians,
                failures=failures[earlier:],
                indices_used=max(logs, default=-1) + 1,
                elapsed_s=spent_s + time.monotonic() - began,
                process_s=max((_length_s(log) for log in _complete(logs)), default=0.0),
            )
            step = next_step(so_far, _without_baseline(self.rule) if by_length else self.rule, self.budget_s)
            match step:
                case Finish():
                    decision = _of_lengths(step.decision) if by_length else step.decision
                    return Outcome(tuple(logs[i] for i in sorted(logs)), tuple(failures), decision)
                case GiveUp():
                    error = self._failed(step.error, logs)
                    own = failures[-1]
                    if own.ended is None or _complete(logs):  # it ran here once: what failed later says nothing of that
                        raise error
                    raise WorkerFailed(error, tuple(failures[earlier:]), logs[own.index])
            try:
                log, failure = self._process(step.index, logs).run(self.interpreter, self.deadlines)
            except Interrupted:
                raise
            except ReproError as error:  # it was not admitted, or the disk is full
                raise self._failed(error, logs) from error
            logs[step.index] = log
            if failure is not None:
                failures.append(failure)
                self.progress.remark(f"process {step.index} failed: {failure.error}")

    def _process(self, index: int, logs: Mapping[int, ProcessLog]) -> OneProcess:
        done = len(_complete(logs))
        return OneProcess(
            index=index,
            plan=self.plan_for(index, not any(log.probe for log in logs.values())),
            headline=self.headline,
            journal=self.journal,
            telemetry=Telemetry(self.cores),
            guards=self.guards,
            progress=self.progress,
            place=Place(done, self.rule.goal(done)),
        )

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
        fix = f"{way_out}{kept} trials are kept in {self.journal.folder}, --resume continues with them"
        return type(error)(error.what, where=error.where, fix=fix, code=error.code)


def _complete(logs: Mapping[int, ProcessLog]) -> list[ProcessLog]:
    return [log for log in logs.values() if log.complete]


def _left(log: ProcessLog) -> Failure:
    """What an earlier start left of a process that did not end its plan."""
    return Failure(log.index, RunFailed("it did not end its plan", where="worker", code=log.failure or "interrupted"))


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
