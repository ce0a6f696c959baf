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
    """Written once, when a job is over. `record`: its folder's name. Seconds are the job's whole and its run's alone."""

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
    phases: Mapping[int, Phase]
    submitted: frozenset[int]
    cancelled: bool
    ends: Mapping[int, str]  # what the executor says of jobs that it no longer holds


def standings(plan: Plan, seen: Seeing) -> list[Standing]:
    """Every job, in the plan's order. An outcome counts more than what an executor says: it is written last."""
    return [_standing(job, seen) for job in plan.jobs]


def _standing(job: Job, seen: Seeing) -> Standing:
    outcome, phase = seen.outcomes.get(job.number), seen.phases.get(job.number)
    if outcome is not None:
        return Standing(job, Status(outcome.ending.value), outcome, outcome.reason or outcome.spoilt)
    if phase is not None:
        return Standing(job, Status(phase.value))
    if seen.cancelled:
        return Standing(job, Status.CANCELLED, detail="repro fleet resume continues it")
    if job.number in seen.submitted:
        return Standing(job, Status.LOST, detail=seen.ends.get(job.number, "it ended without an outcome"))
    return Standing(job, Status.WAITING)


def counts(found: Sequence[Standing]) -> dict[str, int]:
    """How many jobs have each status, those that none has left out."""
    return {one.value: n for one in Status if (n := sum(standing.status is one for standing in found))}


def finished(found: Sequence[Standing]) -> bool:
    """Whether every job is over."""
    return all(one.status in OVER for one in found)


def live(found: Sequence[Standing]) -> bool:
    """Whether an executor still holds any."""
    return any(one.status in LIVE for one in found)
