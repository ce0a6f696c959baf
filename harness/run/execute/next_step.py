"""What a run does next, from what it has. Pure: the caller reads the clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import ReproError
from harness.measure.stopping import Decision, FixedNumber, SequentialLooks
from harness.run.execute.launcher import Ended
from harness.worker import tokenizer_gate

MAX_FAILURES = 2  # one crash may be chance; a second says that the next would crash, too


@dataclass(frozen=True, slots=True)
class Failure:
    """A worker that did not end its plan."""

    index: int
    error: ReproError
    ended: Ended | None = None  # how; None where it is not known any more, or the worker was not what failed


@dataclass(frozen=True, slots=True)
class SoFar:
    """A run so far: the headline medians of complete processes, the failures, and the time spent."""

    medians: Sequence[float]
    failures: Sequence[Failure]
    indices_used: int
    elapsed_s: float
    process_s: float  # how long a process takes, as far as seen


@dataclass(frozen=True, slots=True)
class RunProcess:
    """Start a worker with this index."""

    index: int


@dataclass(frozen=True, slots=True)
class Finish:
    """Enough, by the rule in `decision`."""

    decision: Decision


@dataclass(frozen=True, slots=True)
class GiveUp:
    """The triple can't be measured here; the last failure says why."""

    error: ReproError


def next_step(
    so_far: SoFar, rule: SequentialLooks | FixedNumber, budget_s: float | None
) -> RunProcess | Finish | GiveUp:
    """Ask the stopping rule; go on past one failure, not past two. An error in the input, or other ids than the
    reference's, is final at once.
    """
    if so_far.failures:
        last = so_far.failures[-1].error
        if last.exit_code == 2 or last.code == tokenizer_gate.CODE or len(so_far.failures) >= MAX_FAILURES:
            return GiveUp(last)
    decision = rule.decide(so_far.medians, so_far.elapsed_s, budget_s, so_far.process_s)
    if decision.stop:
        return Finish(decision)
    return RunProcess(so_far.indices_used)
