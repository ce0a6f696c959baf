"""One job from its lease to the queue. Each step is written down before the next, and may be done again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from harness import paths
from harness.agent import conditions, jobs
from harness.agent.conditions import Moment
from harness.agent.policy import Policy
from harness.agent.state import Current, Ended, Ending, Stage, State
from harness.agent.watch import FIRST_S, Desk, Lost, Stopped, Watch
from harness.capture.doctor import Observed
from harness.errors import (
    Conflict,
    EngineFailed,
    Interrupted,
    NotFound,
    ReproError,
    RunFailed,
    TooMany,
    Unavailable,
    one_line,
)
from harness.progress import Progress
from harness.record import store
from harness.record.keys import Signers
from harness.run.matrix import request_of
from harness.run.request import Request
from harness.run.session import Session, alone
from harness.state_files import utc
from harness.verify.unusable import first_line

Measure = Callable[[Request, Watch], Path]


class Leases(Desk, Protocol):
    """Who tells of jobs and gives leases."""

    def offered(self) -> Mapping[str, Any]:
        """The jobs, as they are told."""

    def take(self, request: str, lease: str, for_s: int) -> Mapping[str, Any]:
        """Raises `NotFound`, `Conflict`, `TooMany`, `Unavailable`."""

    def release(self, request: str, lease: str) -> None:
        """Raises `NotFound`, `Unavailable`."""

    def finish(self, request: str, lease: str, record: str) -> None:
        """Raises `NotFound`, `Conflict`, `Unavailable`."""


class Result(StrEnum):
    """What came of a job for now."""

    ANSWERED = "answered"
    FAILED = "failed"
    STOPPED = "stopped"  # to be continued
    LOST = "lost"


def led(request: Request, watch: Watch) -> Path:
    """The run, led process by process; between them the watch looks around. Raises as `Session`, and `Stopped`, `Lost`."""
    with undisturbed(watch):
        session = Session(request, watch)
        while watch.step(session.step):
            pass
        with watch.measuring():
            return session.conclude()


@contextmanager
def undisturbed(watch: Watch) -> Iterator[None]:
    """Nothing else measures on this machine meanwhile. Raises `Stopped` where something does."""
    with ExitStack() as held:
        try:
            held.enter_context(alone(watch))
        except Conflict as busy:
            raise Stopped(busy.what, fix="it is tried again later") from None
        yield


@dataclass(frozen=True, slots=True)
class Agent:
    """All that an agent works with. `there` gives the id of a record that the registry has from this operator, else "";
    `send` and `send_failure` put one into the queue and give its id.
    """

    policy: Policy
    state: State
    leases: Leases
    signers: Signers | None
    there: Callable[[Path], str]
    send: Callable[[Path, str], str]
    send_failure: Callable[[Path], str]
    tell: Callable[[str], None]
    progress: Progress
    policies: frozenset[str]  # digests of the registry policies that this program knows
    measure: Measure = led
    moment: Callable[[Policy], Moment] = conditions.now
    look: Callable[[Path], Observed] = conditions.look

    def used_bytes(self) -> int:
        """What models, engines and records hold by now."""
        return conditions.used_bytes((paths.cache(), self.state.folder))


class _Over(Exception):
    """The job ends here without an answer."""

    def __init__(self, ending: Ending, reason: str, record: Path | None = None) -> None:
        super().__init__(reason)
        self.ending, self.reason, self.record = ending, one_line(reason), record


def pursue(agent: Agent, current: Current) -> Result:
    """From where it is to its end, as far as it goes now. Raises `Unavailable` where the registry does not answer: nothing is
    lost, the next call continues; `Interrupted` where the user stops it.
    """
    try:
        if current.stage is Stage.TAKING:
            current = _taken(agent, current)
        if current.stage is Stage.MEASURING:
            current, record = _measured(agent, current)
            current = _sent(agent, current, record)
        return _finished(agent, current)
    except Lost as error:
        return _lost(agent, current, error)
    except Stopped as error:
        _pause(agent, current)
        agent.tell(f"stopped: {error.what}")
        return Result.STOPPED
    except Interrupted:
        _pause(agent, current)
        raise
    except _Over as over:
        return _ended(agent, current, over)


def _taken(agent: Agent, current: Current) -> Current:
    """With its lease. The job must be the one that was chosen: whoever changes it between two answers gets nothing measured."""
    request = current.job.request
    try:
        told = agent.leases.take(request, current.lease, FIRST_S)
    except (NotFound, Conflict) as error:
        raise Lost(error.what, where=request[:12]) from None
    if not jobs.is_same(told.get("job"), current.job):
        _release(agent, current)
        raise Lost("the registry gave another job than it offered", where=request[:12])
    current = current.model_copy(update={"stage": Stage.MEASURING})
    agent.state.keep(current)
    agent.tell(f"measuring for request {request[:12]}: {current.triple}")
    return current


def _measured(agent: Agent, current: Current) -> tuple[Current, Path]:
    """Its record; one that an earlier start left is taken, after the look at the machine that this start may have missed."""
    found = _records(agent, current)
    record = found[0] if found else _run(agent, current, agent.state.results(current.job.request))
    if not current.looked:
        current = _undisturbed(agent, current)
    made = store.read(record).record
    if made.failure is not None:
        raise _Over(Ending.FAILED, f"the engine failed: {made.failure.reason}", record)
    if unusable := first_line(made):
        raise _Over(Ending.FAILED, unusable, record)
    if other := jobs.other_model(current.job, agent.policy, made) or jobs.elsewhere(current.job, agent.policy, made):
        raise _Over(Ending.FAILED, other, record)
    return current, record


def _undisturbed(agent: Agent, current: Current) -> Current:
    """After the run, noted as seen: what disturbs the machine later, while the record waits, is not the run's."""
    spoilt = conditions.spoilt(agent.policy, agent.look(paths.cache()))
    if spoilt:  # the number is real, and says more of the neighbours than of the model
        agent.state.put_aside(current.job.request)
        raise Lost(f"the machine was disturbed meanwhile: {spoilt}", where=current.job.request[:12])
    current = current.model_copy(update={"looked": True})
    agent.state.keep(current)
    return current


def _records(agent: Agent, current: Current) -> list[Path]:
    """What an earlier start wrote; its owner may have moved it."""
    results = agent.state.results(current.job.request)
    return store.below(results) if results.is_dir() else []


def _run(agent: Agent, current: Current, results: Path) -> Path:
    watch = Watch(agent.policy, agent.leases, current, agent.progress, agent.moment, agent.used_bytes)
    request = request_of(current.triple, results, resume=True, signers=agent.signers)
    try:
        watch.between()
        return agent.measure(request, watch)
    except Interrupted:
        raise
    except Unavailable as error:  # a download that broke off, not the registry: no request fails of it
        raise Stopped(str(error)) from None
    except EngineFailed as failed:
        raise _Over(Ending.FAILED, str(failed), Path(failed.record)) from None
    except RunFailed as error:
        raise _Over(Ending.FAILED, str(error)) from None
    except ReproError as error:
        raise _Over(Ending.REFUSED, str(error)) from None


def _sent(agent: Agent, current: Current, record: Path) -> Current:
    """In the queue, once. Whoever lost the lease meanwhile sends nothing: the request is measured by somebody else."""
    try:
        identity = agent.there(record) or _send(agent, current, record)
    except (Unavailable, TooMany, Interrupted):
        raise
    except ReproError as error:
        raise _Over(Ending.FAILED, f"the registry does not take the record: {error}", record) from None
    current = current.model_copy(update={"stage": Stage.SENT, "record": identity})
    agent.state.keep(current)
    return current


def _send(agent: Agent, current: Current, record: Path) -> str:
    try:
        agent.leases.renew(current.job.request, current.lease, FIRST_S)
    except (NotFound, Conflict) as error:
        raise Lost(f"the lease is lost: {error.what}", where=current.job.request[:12]) from None
    return agent.send(record, current.job.request)


def _finished(agent: Agent, current: Current) -> Result:
    try:
        agent.leases.finish(current.job.request, current.lease, current.record)
    except (Unavailable, TooMany, Interrupted):
        raise
    except ReproError:
        pass  # the lease ended by itself, or whatever is said of it: the record is in the queue all the same
    found = _records(agent, current)
    _end(agent, current, Ending.ANSWERED, record=found[0].parent if found else None)
    agent.tell(f"request {current.job.request[:12]}: record {current.record[:12]} waits for an editor")
    return Result.ANSWERED


def _ended(agent: Agent, current: Current, over: _Over) -> Result:
    """Without an answer. The record of an engine that failed is a result, too, and goes to the queue as such."""
    if over.record is not None and store.read(over.record).record.failure is not None:
        with suppress(ReproError):
            agent.send_failure(over.record)
    _release(agent, current)
    folder = None if over.record is None else over.record.parent
    _end(agent, current, over.ending, over.reason, folder)
    agent.tell(f"request {current.job.request[:12]} {over.ending}: {over.reason}")
    return Result.FAILED


def _end(agent: Agent, current: Current, ending: Ending, reason: str = "", record: Path | None = None) -> None:
    agent.state.end(
        Ended(
            request=current.job.request,
            what=one_line(str(current.triple), 200),
            ending=ending,
            reason=reason,
            record="" if record is None else str(record),
            at=utc(),
        )
    )


def _lost(agent: Agent, current: Current, error: Lost) -> Result:
    """A record stays where its owner finds it; a journal that nobody will continue goes."""
    if _records(agent, current):
        kept = agent.state.put_aside(current.job.request)
        agent.tell(f"the record is kept in {kept}; nothing was sent")
    else:
        agent.state.discard(current.job.request)
    _release(agent, current)
    agent.state.drop()
    agent.tell(f"request {current.job.request[:12]} is not measured here: {error.what}")
    return Result.LOST


def _pause(agent: Agent, current: Current) -> None:
    """Others may take it meanwhile; the journal is kept, under the same lease's number."""
    _release(agent, current)
    agent.state.keep(current.model_copy(update={"stage": Stage.TAKING}))


def _release(agent: Agent, current: Current) -> None:
    with suppress(ReproError):  # it ends by itself in time
        agent.leases.release(current.job.request, current.lease)
