"""A run as it was begun, and that it came to nothing: what the record of an engine's failure is made of."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

from harness.capture import snapshot
from harness.capture.load import Load, read_load
from harness.capture.snapshot import Environment
from harness.catalog import suites
from harness.record import rig_runs
from harness.record.rig_runs import RigRun
from harness.run.evidence import Prepared
from harness.run.execute.worker_failed import WorkerFailed
from harness.worker.plan import Plan


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was tried, when, and the machine around it before the first process."""

    prepared: Prepared
    seed: int
    budget_s: int | None
    started_utc: str
    rig_run: RigRun | None
    environment: Environment
    load_before: Load
    plan: Plan | None = None  # of the first process; None before the prompts are token ids


class Unmeasured(Exception):
    """No process of the attempt came to its end."""

    def __init__(self, attempt: Attempt, failed: WorkerFailed) -> None:
        super().__init__(failed.error)
        self.attempt, self.failed = attempt, failed


def begun(prepared: Prepared) -> Attempt:
    """Now. Raises `BadInput` where the machine's count of runs is damaged."""
    request, suite = prepared.request, prepared.suite.suite
    seed = suite.seed if request.seed is None else request.seed
    if request.challenge is not None:
        seed = suites.challenge_seed(request.challenge)
    # A number of processes that was asked for is run in full, unless a budget was asked for, too.
    budget = request.budget_s if request.processes is not None else request.budget_s or suite.budget_s
    return Attempt(
        prepared=prepared,
        seed=seed,
        budget_s=budget,
        started_utc=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        rig_run=_rig_run(prepared),
        environment=snapshot.capture(),
        load_before=read_load(),
    )


def numbered(attempt: Attempt) -> Attempt:
    """With its number among the machine's runs as it is now: runs that were measured between its processes may be recorded."""
    return replace(attempt, rig_run=_rig_run(attempt.prepared))


def _rig_run(prepared: Prepared) -> RigRun | None:
    return None if prepared.signers is None else rig_runs.following(prepared.signers.place)
