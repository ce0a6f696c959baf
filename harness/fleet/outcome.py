"""How a job ended, and how a fleet stands: pure values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from pydantic import Field

from harness.catalog.toml_file import Part
from harness.fleet.plan import Job, Name, Number, Plan


class Ending(StrEnum):
    """Of a job that is over."""

    MEASURED = "measured"  # there is a record
    FAILED = "failed"  # the engine, or the run; where the engine did, a record says so
    REFUSED = "refused"  # it can't be run as asked for
    DRAINED = "drained"  # the node failed its checks before the run began
    LEFT_OUT = "left-out"  # the fleet's budget was used up


class Phase(StrEnum):
    """Of a job that its executor holds."""

    QUEUED = "queued"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Held:
    """A job that its executor holds. `why`: what a queued one waits for, where it is more than its turn."""

    phase: Phase
    why: str = ""


class Status(StrEnum):
    """Of any job."""

    WAITING = "waiting"  # not handed over yet
    QUEUED = "queued"
    RUNNING = "running"
    MEASURED = "measured"
    FAILED = "failed"
    REFUSED = "refused"
    DRAINED = "drained"
    LEFT_OUT = "left-out"
    LOST = "lost"  # handed over, not held any more, and it left no outcome
    CANCELLED = "cancelled"


OVER = frozenset(Status(one.value) for one in Ending)
LIVE = frozenset((Status.QUEUED, Status.RUNNING))


class Seen(Part):
    """One of the doctor's checks that did not pass. `level`: warn or bad."""

    name: str
    level: str
    what: str


class Outcome(Part):
    """Written once, when a job is over. `record`: its folder's name. Seconds are this try's whole and its run's alone."""

    number: Number
    node: Name
    ending: Ending
    record: str | None = None
    reason: str = ""  # in one line
    code: str = ""  # of the reason, a word
    before: tuple[Seen, ...] = ()
    after: tuple[Seen, ...] = ()
    spoilt: str = ""  # the check that the node failed after the run: its number is not held against other nodes
    attempts: int = Field(default=1, ge=1)
    started_utc: str
    job_s: float = Field(ge=0, allow_inf_nan=False)
    run_s: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    earlier_s: float = Field(
        default=0.0, ge=0, allow_inf_nan=False
    )  # of tries before: cut off, or ended and tried again
    devices: tuple[str, ...] = ()  # that the run was bound to


@dataclass(frozen=True, slots=True)
class Standing:
    """A job with what is known of it. `detail`: why, in one line."""

    job: Job
    status: Status
    outcome: Outcome | None = None
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Seeing:
    """What the state's folder and the executor say, read together."""

    outcomes: Mapping[int, Outcome]
    held: Mapping[int, Held]
    submitted: frozenset[int]
    cancelled: bool
    ends: Mapping[int, str]  # what the executor says of jobs that it no longer holds


def standings(plan: Plan, seen: Seeing) -> list[Standing]:
    """Every job, in the plan's order. An outcome counts more than what an executor says: it is written last."""
    return [_standing(job, seen) for job in plan.jobs]


def _standing(job: Job, seen: Seeing) -> Standing:
    outcome, held = seen.outcomes.get(job.number), seen.held.get(job.number)
    if outcome is not None:
        return Standing(job, Status(outcome.ending.value), outcome, outcome.reason or outcome.spoilt)
    if held is not None:
        return Standing(job, Status(held.phase.value), detail=held.why)
    if seen.cancelled:
        return Standing(job, Status.CANCELLED, detail="repro fleet resume MATRIX continues it")
    if job.number in seen.submitted:
        return Standing(job, Status.LOST, detail=seen.ends.get(job.number, "it ended without an outcome"))
    return Standing(job, Status.WAITING)


def counts(found: Sequence[Standing]) -> dict[str, int]:
    """How many jobs have each status, those that none has left out."""
    return {one.value: n for one in Status if (n := sum(standing.status is one for standing in found))}


def finished(found: Sequence[Standing]) -> bool:
    """Whether every job is over."""
    return all(one.status in OVER for one in found)


def stuck(found: Sequence[Standing]) -> list[Standing]:
    """The jobs that wait for more than their turn, where nothing runs and no other node goes on."""
    left = [one for one in found if one.status in LIVE]
    waiting = [one for one in left if one.status is Status.QUEUED and one.detail]
    nodes = {one.job.node for one in waiting}
    return waiting if all(one.status is Status.QUEUED and one.job.node in nodes for one in left) else []


def live(found: Sequence[Standing]) -> bool:
    """Whether an executor still holds any."""
    return any(one.status in LIVE for one in found)
