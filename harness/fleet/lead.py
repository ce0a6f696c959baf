"""Leads a fleet from the machine where it was asked for: hand over, look, cancel. All that it knows is on disk."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from harness import __version__
from harness.catalog.matrices import Loaded
from harness.errors import BadInput, Unavailable
from harness.files import locked
from harness.fleet import state as states
from harness.fleet.executors import find
from harness.fleet.executors.base import Executor
from harness.fleet.outcome import LIVE, OVER, Held, Phase, Seeing, Standing, Status, finished, live, standings, stuck
from harness.fleet.plan import Answers, Job, Plan, make_plan
from harness.fleet.state import Batch, State
from harness.state_files import put_aside
from harness.units import count

PATIENCE_S = 1800.0  # for an engine that does not answer: a controller may be restarted
LEAST_REST = 25  # times as long as a look takes: whoever watches a large fleet may sit on a machine that measures
MOST_REST_S = 30.0  # a look is long, too, where a controller begins to answer only then

Show = Callable[[Sequence[Standing]], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How to start: records go to `results`; `cache` of each node, %n for its name, "" for the executor's own; `allowed`:
    settings that reach beyond the engine, as the user named them.
    """

    executor: str
    results: Path
    cache: str = ""
    operator: Answers | None = None
    allowed: tuple[str, ...] = ()


def planned(loaded: Loaded, wanted: Wanted) -> Plan:
    """What would be started now. Raises `BadInput` where it can't be, `Unavailable` where the engine does not answer."""
    executor = find(wanted.executor)
    nodes = executor.nodes()
    cache = wanted.cache or executor.default_cache()
    made = make_plan(
        loaded,
        nodes,
        wanted.executor,
        secrets.token_hex(4),
        operator=wanted.operator,
        folder=str(Path.cwd()),
        cache=cache,
        version=__version__,
        allowed=wanted.allowed,
    )
    if cache and "%n" not in cache and len(made.by_node()) > 1:
        raise BadInput(
            "must have %n for the node's name: one cache has one lock for all of them",
            where="--node-cache",
            fix="for example /scratch/repro/%n",
        )
    if cache and not Path(cache).is_absolute():
        raise BadInput("must be an absolute path", where="--node-cache", fix="for example /scratch/repro/%n")
    if wanted.executor == "local":
        _refuse_schedulers(loaded)
    if wanted.cache and wanted.executor == "local":
        raise BadInput("is for SLURM's nodes", where="--node-cache", fix="leave it out, or set XDG_CACHE_HOME")
    return made


def _refuse_schedulers(loaded: Loaded) -> None:
    """Raises `BadInput` for what only a scheduler heeds: here a job would have no limit, and no partition, without a word."""
    for machine in loaded.matrix.machines:
        for name in ("partition", "time_limit_s"):
            if getattr(machine, name) is not None:
                fix = "leave it out, or give the triples a budget_s; with SLURM: --executor slurm"
                raise BadInput("is for a scheduler's nodes", where=f"machines {machine.name}: {name}", fix=fix)


def start(loaded: Loaded, wanted: Wanted) -> State:
    """Write the plan down and hand its jobs over. Raises `BadInput` where this matrix is under way already."""
    folder = states.place(wanted.results, loaded)
    _over(folder, loaded)  # soon: to plan takes a while
    made = planned(loaded, wanted)
    with _leading(folder):
        if _over(folder, loaded):  # another may have started it meanwhile
            put_aside(folder)
        state = states.create(folder, made)
        _hand_over_missing(state)
    return state


def _over(folder: Path, loaded: Loaded) -> bool:
    """Whether this matrix was started before, and is over. Raises `BadInput` where it is under way."""
    earlier = states.open_state(folder)
    if earlier is not None and not finished(take(earlier)):
        raise BadInput(
            "was started already and is not over",
            where=loaded.matrix.name,
            fix=f"continue it: repro fleet resume MATRIX; to begin again: repro fleet cancel MATRIX, then remove {folder}",
        )
    return earlier is not None


def take(state: State) -> list[Standing]:
    """How every job stands. Raises `Unavailable` where the engine does not answer.

    The engine is asked before the outcomes are read: a job that ends in between is seen as over, never as lost.
    """
    executor = find(state.plan.executor)
    batches = [(batch, state.handle(batch)) for batch in state.batches()]
    held = [batch for batch, handle in batches if handle != ""]
    by_number = executor.poll(state, held)
    seen = Seeing(
        outcomes=state.outcomes(),
        held=by_number,
        submitted=_submitted(state, batches),
        cancelled=state.cancelled,
        ends={},
    )
    found = standings(state.plan, seen)
    if not any(one.status is Status.LOST for one in found):
        return found
    return standings(state.plan, replace(seen, ends=_ends(executor, state, held, found)))


def _submitted(state: State, batches: Sequence[tuple[Batch, str | None]]) -> frozenset[int]:
    """Jobs that the executor has had; of a batch whose submission was cut off, those alone that have begun."""
    return frozenset(
        number
        for batch, handle in batches
        for number in batch.jobs
        if handle or (handle is None and state.attempts(number))
    )


def _ends(executor: Executor, state: State, held: Sequence[Batch], found: Sequence[Standing]) -> dict[int, str]:
    lost = {one.job.number for one in found if one.status is Status.LOST}
    told: dict[int, str] = {}
    for batch in held:
        own = [number for number in batch.jobs if number in lost]
        if own:
            told |= executor.ends(state, batch, own)
    return told


def resume(state: State, *, retry_failed: bool = False) -> int:
    """Hand over every job that is neither over nor held; how many. `retry_failed`: also those that are over without a number,
    or whose node failed its checks afterwards.

    Batches whose submission was cut off are looked up first, so that nothing is handed over twice.
    """
    with _leading(state.folder):
        return _hand_over_missing(state, retry_failed=retry_failed)


def _hand_over_missing(state: State, *, retry_failed: bool = False) -> int:
    """The same; the state's lock is held."""
    executor = find(state.plan.executor)
    adopt(state, executor)
    state.uncancel()
    if retry_failed:
        _reopen(state)
    missing = {one.job.number for one in take(state) if one.status not in LIVE | OVER}
    most, given = executor.most() if missing else 1, 0
    for node, jobs in state.plan.by_node().items():
        own = [job for job in jobs if job.number in missing]
        for first in range(0, len(own), most):
            part = own[first : first + most]
            with _telling(given, len(missing)):
                _hand_over(state, executor, node, part)
            given += len(part)
    return given


@contextmanager
def _telling(given: int, wanted: int) -> Iterator[None]:
    """Who reads that the executor took no more must know that jobs are under way, and how to go on."""
    try:
        yield
    except (BadInput, Unavailable) as error:
        if given:
            left = f"{given} of {wanted} jobs are handed over and go on"
            error.fix = (
                f"{left}: repro fleet status MATRIX; then repro fleet resume MATRIX, or repro fleet cancel MATRIX"
            )
        elif isinstance(error, Unavailable):
            error.fix = "go on later: repro fleet resume MATRIX"
        raise


def _hand_over(state: State, executor: Executor, node: str, jobs: Sequence[Job]) -> None:
    batch = state.new_batch(node, jobs)
    try:
        state.note_handle(batch, executor.submit(state, batch))
    except Unavailable:
        raise  # it may have arrived all the same: `adopt` looks for it
    except BadInput:
        state.note_handle(batch, "")
        raise


def adopt(state: State, executor: Executor) -> None:
    """Find out what became of batches whose submission was cut off. The state's lock is held."""
    for batch in state.batches():
        if state.handle(batch) is None:
            found = executor.find(state, batch)
            state.note_handle(batch, found or "")


def _reopen(state: State) -> None:
    """Jobs that are over without a number, or with one that a disturbed node made; of a pair both: they are one measurement."""
    state.undrain()
    outcomes = state.outcomes()
    again = {n for n, outcome in outcomes.items() if outcome.ending != "measured" or outcome.spoilt}
    for job in state.plan.jobs:
        if job.number not in outcomes or not any(one.number in again for one in state.plan.together(job)):
            continue
        state.reopen(job.number)


def cancel(state: State) -> None:
    """Let no job begin, and stop those that run; what they measured is kept for a resume."""
    executor = find(state.plan.executor)
    state.cancel()  # first: a job that starts meanwhile sees it
    with _leading(state.folder):
        adopt(state, executor)
        executor.cancel(state, state.batches())


def follow(state: State, show: Show, remark: Callable[[str], None] = lambda _: None) -> list[Standing]:
    """Until the engine holds no job any more; how they stand then. Waits for an engine that does not answer for now."""
    executor = find(state.plan.executor)
    silent_since: float | None = None
    told = ""
    while True:
        asked, rest = time.monotonic(), executor.poll_s
        try:
            found = take(state)
            silent_since = None
        except Unavailable as error:
            now = time.monotonic()
            if silent_since is None:
                remark(f"{error.what}: waiting for it")
            silent_since = silent_since or now
            if now - silent_since > PATIENCE_S:
                raise
        else:
            show(found)
            if not live(found):
                return found
            waiting = why_stuck(found)
            if waiting and waiting != told:
                remark(waiting)
            told = waiting
            rest = max(rest, min(LEAST_REST * (time.monotonic() - asked), MOST_REST_S))
        time.sleep(rest)


def why_stuck(found: Sequence[Standing]) -> str:
    """In one line, what everything that is left waits for and can't have by itself; "": something goes on."""
    left = stuck(found)
    if not left:
        return ""
    reasons = "; ".join(sorted({f"{one.job.node}: {one.detail}" for one in left}))
    queued = sum(one.status is Status.QUEUED for one in found)
    waiting = f"{count(queued, 'job')} {'waits' if queued == 1 else 'wait'}"
    return f"Nothing runs, {waiting}: {reasons}. Mend the node, or stop: repro fleet cancel MATRIX"


@contextmanager
def _leading(folder: Path) -> Iterator[None]:
    """One process at a time hands over."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_name(f"{folder.name}.lock"), "another repro fleet command works on this fleet"):
        yield


def without_engine(state: State) -> list[Standing]:
    """As `take`, where the engine can't be asked: what is not over counts as queued, since nobody knows better."""
    return standings(
        state.plan,
        Seeing(
            outcomes=state.outcomes(),
            held={number: Held(Phase.QUEUED) for batch in state.batches() for number in batch.jobs},
            submitted=frozenset(),
            cancelled=state.cancelled,
            ends={},
        ),
    )
