"""The loop of a run: ask what is next, run one worker, keep its frames, until the rule says stop or the user does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from harness.errors import Interrupted, ReproError, RunFailed
from harness.measure.metrics import measure_trial
from harness.measure.plural import count
from harness.measure.stopping import Decision, FixedNumber, SequentialLooks, out_of_budget
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
        stepping = Stepping(self)
        while (outcome := stepping.step()) is None:
            pass
        return outcome


@dataclass(slots=True)
class Stepping:
    """A run that is led process by process: those of other runs may come between. Its time is that of its own processes.

    Raises `BadInput` where what an earlier start left can't be used.
    """

    run: Measuring
    logs: dict[int, ProcessLog] = field(init=False)
    failures: list[Failure] = field(init=False)
    _earlier: int = field(init=False)
    _spent_s: float = field(init=False)

    def __post_init__(self) -> None:
        self.logs = self._kept()
        self.failures = [_left(log) for log in self.logs.values() if not log.complete]
        for log in self.logs.values():
            if log.facts:
                self.run.guards.loaded(log.facts)
        self._earlier = len(self.failures)  # those of an earlier start are history, not a reason to give up
        self._spent_s = sum(_length_s(log) for log in self.logs.values())

    @property
    def used(self) -> int:
        """How many processes were begun."""
        return max(self.logs, default=-1) + 1

    @property
    def complete(self) -> list[ProcessLog]:
        """The processes that came to their end."""
        return _complete(self.logs)

    def step(self) -> Outcome | None:
        """One process more, or how it ended. Raises as `Measuring.run`."""
        medians, by_length = _medians(self.complete, self.run.headline)
        so_far = SoFar(
            medians=medians,
            failures=self.failures[self._earlier :],
            indices_used=self.used,
            elapsed_s=self._spent_s,
            process_s=max((_length_s(log) for log in self.complete), default=0.0),
        )
        rule = _without_baseline(self.run.rule) if by_length else self.run.rule
        step = next_step(so_far, rule, self.run.budget_s)
        match step:
            case Finish():
                return self._ended(_of_lengths(step.decision) if by_length else step.decision)
            case GiveUp():
                error = self._failed(step.error)
                own = self.failures[-1]
                if own.ended is None or self.complete:  # it ran here once: what failed later says nothing of that
                    raise error
                raise WorkerFailed(error, tuple(self.failures[self._earlier :]), self.logs[own.index])
        began = time.monotonic()
        try:
            log, failure = self._process(step.index).run(self.run.interpreter, self.run.deadlines)
        except Interrupted:
            raise
        except ReproError as error:  # it was not admitted, or the disk is full
            raise self._failed(error) from error
        self._spent_s += time.monotonic() - began
        self.logs[step.index] = log
        if failure is not None:
            self.failures.append(failure)
            self.run.progress.remark(f"process {step.index} failed: {failure.error}")
        return None

    def stop(self, why: str) -> Outcome:
        """The end before its rule would end it, for a budget that it shares with others; at least one process is complete."""
        medians, by_length = _medians(self.complete, self.run.headline)
        decision = out_of_budget(medians, self.run.rule.target, why)
        return self._ended(_of_lengths(decision) if by_length else decision)

    def _ended(self, decision: Decision) -> Outcome:
        return Outcome(tuple(self.logs[i] for i in sorted(self.logs)), tuple(self.failures), decision)

    def _process(self, index: int) -> OneProcess:
        run, done = self.run, len(_complete(self.logs))
        return OneProcess(
            index=index,
            plan=run.plan_for(index, not any(log.probe for log in self.logs.values())),
            headline=run.headline,
            journal=run.journal,
            telemetry=Telemetry(run.cores),
            guards=run.guards,
            progress=run.progress,
            place=Place(done, run.rule.goal(done)),
        )

    def _kept(self) -> dict[int, ProcessLog]:
        """What an earlier start left. Raises `BadInput` where it can't be used."""
        found = {}
        kept = self.run.journal.processes()
        for index in self.run.journal.torn:
            self.run.progress.remark(f"process {index + 1} of the unfinished run is damaged: it is measured again")
        for index, frames in kept.items():
            try:
                found[index] = collect(index, frames)
            except (KeyError, ValueError, TypeError, IndexError, AttributeError, ProtocolError) as error:
                raise damaged(self.run.journal.folder, f"process {index}") from error
        return found

    def _failed(self, error: ReproError) -> ReproError:
        """The error that ended the run, saying what is kept; without any trial there is nothing to keep."""
        kept = sum(len(log.trials) for log in self.logs.values())
        if not kept:
            self.run.journal.discard()
            return error
        way_out = f"{error.fix}; " if error.fix else ""
        fix = f"{way_out}{count(kept, 'trial is', 'trials are')} kept in {self.run.journal.folder}, --resume continues with them"
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
