"""One worker process of a run, from its start to its end: its frames admitted, metered and kept as they come."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from harness.errors import DiskFull, Interrupted, ReproError, RunFailed
from harness.measure.trial import Purpose, Trial
from harness.progress import Progress
from harness.run.execute.collect import ProcessLog, collect
from harness.run.execute.journal import Journal
from harness.run.execute.launcher import Deadlines, Ended, Interpreter, run_worker
from harness.run.execute.next_step import Failure
from harness.run.execute.telemetry import Telemetry
from harness.worker.frames import Frame, ProtocolError
from harness.worker.plan import Plan


class State(StrEnum):
    """How far a process is."""

    STARTED = "started"  # nothing is loaded yet
    WARM = "warm"  # the model is loaded, and warms up
    MEASURING = "measuring"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Guards:
    """What may refuse an engine, by raising: each frame before it is kept, and the facts of what was loaded after."""

    admit: Callable[[Frame], None] = lambda _frame: None
    loaded: Callable[[Mapping[str, Any]], None] = lambda _facts: None


@dataclass(frozen=True, slots=True)
class Place:
    """Which process this is of how many, for the progress bar."""

    done: int  # whole processes before it
    goal: int

    @property
    def text(self) -> str:
        """`process 2 of 3`."""
        return f"process {self.done + 1} of {self.goal}"


@dataclass(slots=True)
class OneProcess:
    """A process as it runs. `run` takes it from started, by way of warm and measuring, to ended."""

    index: int
    plan: Plan
    headline: str
    journal: Journal
    telemetry: Telemetry
    guards: Guards
    progress: Progress
    place: Place
    state: State = State.STARTED
    frames: list[Frame] = field(default_factory=list)
    _trials: int = 0
    _refused: bool = False
    _batch: tuple[int, dict[str, int]] = (-1, {})  # the requests of one batch share what was metered over it

    def run(self, interpreter: Interpreter, deadlines: Deadlines) -> tuple[ProcessLog, Failure | None]:
        """Run the worker to its end. Raises `Interrupted` on Ctrl-C; what else goes wrong is the failure."""
        try:
            ended = run_worker(interpreter, self.plan, deadlines, self.on_frame)
        except KeyboardInterrupt:
            done = self.place.done
            whole = f" ({done} whole {'process is' if done == 1 else 'processes are'} kept)" if done else ""
            raise Interrupted(f"Stopped; process {done + 1} starts again with --resume{whole}") from None
        except DiskFull:
            raise
        except ReproError as refusal:  # of what the process said of itself: not a failure of the engine
            self._refused, ended = True, Ended(refusal, "")
        finally:
            self.telemetry.end()
            self.state = State.ENDED
        if self.frames:
            self.journal.settle(self.index)
        return self._judged(ended)

    def on_frame(self, frame: Frame) -> None:
        """Take one frame. The worker waits after each trial until this returns."""
        self.guards.admit(frame)
        # The meters first: what this program writes is not the trial's.
        if frame.kind == "trial":
            self._meter(frame)
        self._keep(frame)
        if frame.kind == "trial" and self._batch[1]:
            self._keep(Frame("telemetry", self._batch[1]))
        if frame.kind == "loaded":
            self.state = State.WARM
            self.guards.loaded(frame.header["facts"])
            self.telemetry.begin(frame.header["facts"])
        elif frame.kind == "trial":
            self._trials += 1
            if frame.header["purpose"] != Purpose.WARMUP.value:
                self.state = State.MEASURING
        if frame.kind in ("loading", "trial"):
            self._advance(frame)
        self.telemetry.rest()

    def _meter(self, frame: Frame) -> None:
        """The requests of one batch come one after the other: the first brings the reading."""
        if self.state is State.STARTED:
            raise ProtocolError("a trial came before the model was loaded")
        order = int(frame.header["order"])
        if order != self._batch[0]:
            self._batch = (order, self.telemetry.trial())

    def _keep(self, frame: Frame) -> None:
        self.frames.append(frame)
        self.journal.append(self.index, frame)

    def _advance(self, frame: Frame) -> None:
        what = "loading the model"
        if self.state is not State.STARTED:
            what = f"{frame.header['workload']} ({frame.header['purpose']})"
        # Further warm-up trials than the least are not known beforehand: they stand still on the bar.
        least = least_trials(self.plan)
        done = self.place.done * least + min(self._trials, least)
        self.progress.advance(f"{self.place.text}: {what}", done, self.place.goal * least)

    def _judged(self, ended: Ended) -> tuple[ProcessLog, Failure | None]:
        """The log; a process without a valid trial of the headline failed, whatever its worker says."""
        log = collect(self.index, self.frames)
        error = ended.error
        if error is None and not log.timed(self.headline):
            text = f"no valid trial of {self.headline}: {_why_none(log.trials, self.headline)}"
            error = RunFailed(text, where="run", code=f"no valid trial of {self.headline}")
        if error is None:
            return log, None
        how = ended if ended.error is not None and not self._refused else None
        failed = Frame("failed", {"code": error.code})
        self.journal.append(self.index, failed)
        return collect(self.index, [*self.frames, failed]), Failure(self.index, error, how)


def _why_none(trials: Sequence[Trial], workload: str) -> str:
    """Why trials of that workload are invalid; those of other workloads do not count."""
    reasons = sorted({trial.invalid_reason for trial in trials if trial.workload == workload and not trial.valid})
    return reasons[0] if reasons else "none was run"


def least_trials(plan: Plan) -> int:
    """How many trials a process of this plan makes at least."""
    least = len(plan.workloads) * (plan.warmup_trials + plan.timed_trials)
    return least + sum(bool(workload.distinct) for workload in plan.workloads)
