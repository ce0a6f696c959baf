"""The measuring part of a job: one run, or the two of a pair whose processes take turns; what each came to."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from harness import paths
from harness.errors import (
    BadInput,
    EngineFailed,
    Interrupted,
    NotEnoughSpace,
    ReproError,
    RunFailed,
    Unavailable,
    one_line,
    visible,
)
from harness.fleet.admit import refuse_options
from harness.fleet.answering import experiment
from harness.fleet.outcome import Ending
from harness.fleet.plan import Job, Plan
from harness.fleet.state import State
from harness.progress import SILENT, Progress
from harness.record import keys, store
from harness.record.keys import RigSigner
from harness.record.store import Stored
from harness.run.bench import bench
from harness.run.kept import Kept
from harness.run.matrix import request_of
from harness.run.request import Request
from harness.run.session import Session, alone
from harness.run.sweep import Cell, Ended, Running, Sweep, run_sweep
from harness.run.waiting import patiently
from harness.state_files import utc

Bench = Callable[[Request, Progress], Path]
Begin = Callable[[Request, Progress], Running]
T = TypeVar("T")
PATIENCE_S = 86_400.0  # for whoever else measures on the node: a long run of theirs refuses no job of ours
PAIRS = ".pairs"  # beside the jobs' folders: which records a pair that was cut off has already


class Lines:
    """Progress as lines of a log."""

    def stage(self, text: str) -> None:
        """A line."""
        sys.stderr.write(f"{utc()} {visible(text)}\n")

    def advance(self, text: str, done: int, total: int) -> None:
        """Nothing: nobody watches."""

    def remark(self, text: str) -> None:
        """A line."""
        self.stage(text)


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run came to. `record`: its record.json; `code`: of the reason, a word."""

    ending: Ending
    record: Path | None
    reason: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Ways:
    """How one run, and the runs of a pair, are measured: for real, unless a test says otherwise."""

    bench: Bench = bench
    begin: Begin = Session


def measure(state: State, jobs: Sequence[Job], ways: Ways) -> tuple[list[Measured], float]:
    """What the jobs came to, one or those of a pair, in their order, and the seconds of each.

    A record that an earlier attempt left is taken: it was cut off after writing it. Raises `Interrupted`; what was measured is
    kept then.
    """
    left = [_left(state, job) for job in jobs]
    if all(left):
        return [one for one in left if one is not None], 0.0
    began = time.monotonic()
    found = [_alone(state, jobs[0], ways.bench)] if jobs[0].turn is None else _in_turns(state, jobs, ways.begin)
    return found, (time.monotonic() - began) / len(jobs)


def _left(state: State, job: Job) -> Measured | None:
    """What an earlier attempt left. A record that can't be read is as good as not there: the job measures again."""
    results = state.results(job.number)
    for path in store.below(results) if results.is_dir() else []:
        try:
            stored = store.read(path)
        except BadInput as error:
            Lines().remark(f"{error}; it is left, and measured again")
            continue
        if stored.record.run.seed == state.plan.run_seed(job):
            return _of_record(stored)
    return None


def _of_record(stored: Stored) -> Measured:
    failure = stored.record.failure
    if failure is None:
        return Measured(Ending.MEASURED, stored.path)
    return Measured(Ending.FAILED, stored.path, f"the engine failed: {failure.reason}", str(failure.reason))


def _alone(state: State, job: Job, bench: Bench) -> Measured:
    try:
        request = _request(state, job)
        return Measured(Ending.MEASURED, _waiting(lambda: bench(request, Lines())))
    except Interrupted:
        raise
    except ReproError as error:
        return _failed(error)


def _failed(error: ReproError) -> Measured:
    passing = isinstance(error, (RunFailed, NotEnoughSpace, Unavailable))  # another time it may run
    ending = Ending.FAILED if passing else Ending.REFUSED
    record = Path(error.record) if isinstance(error, EngineFailed) else None
    return Measured(ending, record, one_line(str(error)), error.code)


def _in_turns(state: State, jobs: Sequence[Job], begin: Begin) -> list[Measured]:
    """Round after round a process of each. What keeps one side from running ends that side; the other goes on."""
    turn = jobs[0].turn
    assert turn is not None  # noqa: S101 - the caller asked
    kept = Kept(state.folder / "jobs", PAIRS, f"{min(jobs[0].number, turn.partner):05d}")
    kept.read()
    try:
        cells = [Cell({"side": job.turn.side if job.turn else ""}, _request(state, job)) for job in jobs]
        for job, cell in zip(jobs, cells, strict=True):
            left = _left(state, job)
            if left is not None and left.record is not None:
                kept.note(cell.key, left.record)
            else:
                kept.forget(cell.key)
        ended = _waiting(lambda: _swept(Sweep(cells, kept, turn.seed, turn.budget_s), begin))
    except Interrupted:
        raise
    except ReproError as error:
        return [_failed(error) for _ in jobs]
    return [_of_side(one) for one in ended]


def _swept(sweep: Sweep, begin: Begin) -> list[Ended]:
    with alone(Lines()):
        return run_sweep(sweep, begin, Lines())


def _waiting(act: Callable[[], T]) -> T:
    """`act` once, and again whenever the machine is free: where it is busy, that checks the request, which takes its time."""
    first = True

    def when_free() -> T:
        nonlocal first
        if not first:
            with alone(SILENT):
                pass
        first = False
        return act()

    return patiently(when_free, Lines(), PATIENCE_S, 0.2)


def _of_side(ended: Ended) -> Measured:
    if ended.record is not None:
        return _of_record(store.read(ended.record))
    code = (
        "run-failed" if ended.failure is None else str(getattr(store.read(ended.failure).record.failure, "reason", ""))
    )
    return Measured(Ending.FAILED, ended.failure, one_line(ended.error), code)


def _request(state: State, job: Job) -> Request:
    """Raises `BadInput` for options that no matrix may have: the plan lies where others may write."""
    refuse_options(job.triple, state.plan.allowed)
    return request_of(
        job.triple,
        state.results(job.number),
        resume=True,
        signers=signer(state.plan, job.node),
        experiment=None if job.turn is None else experiment(state.plan, job, job.turn),
        seed=state.plan.run_seed(job),
    )


def signer(plan: Plan, node: str) -> RigSigner | None:
    """The node's own key, made once; None where the plan names no operator: its records are not signed then."""
    if plan.operator is None:
        return None
    place = paths.keys_folder() if plan.executor == "local" else paths.config() / "nodes" / node
    who = plan.operator
    return keys.rig_signer(place, who.handle, who.operator_key, who.next_key_sha256)
