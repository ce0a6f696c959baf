"""Looks for a job, leads it, waits, and looks again."""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from harness import paths
from harness.agent import conditions, jobs
from harness.agent.jobs import Device, Job
from harness.agent.state import Current, Stage
from harness.agent.work import Agent, Result, pursue
from harness.catalog import policies
from harness.errors import Interrupted, RecordInvalid, ReproError
from harness.registry.intake.asked import counted

WAIT_S = 60.0  # between two looks
MOST_LOST = 5  # jobs that others took first, before it waits


@dataclass(frozen=True, slots=True)
class Turn:
    """What one look came to: what became of a job; None where there was none, and `why` says why."""

    result: Result | None
    why: str = ""


def known_policies() -> frozenset[str]:
    """Digests of the registry policies that come along."""
    return frozenset(policies.load(name).sha256 for name in policies.names())


def run(agent: Agent, *, once: bool, sleep: Callable[[float], None] = time.sleep) -> Turn:
    """One job, or one look that found none, with `once`; else until it is interrupted.

    What the registry does to one look ends no agent: it waits, and asks again. With `once` it raises why.
    """
    lost, told = 0, ""
    while True:
        try:
            found = turn(agent)
        except Interrupted:  # the run's own words name an option of repro bench
            what = "Stopped; whole processes are kept"
            raise Interrupted(what, fix="the next repro agent run continues") from None
        except ReproError as error:
            if once:
                raise
            found = Turn(None, str(error))
        lost = lost + 1 if found.result is Result.LOST else 0
        if found.result is Result.LOST and lost < MOST_LOST:
            continue
        if once:
            return found
        if found.why and found.why != told:
            agent.tell(f"waiting: {found.why}")
        told = found.why
        # Also after a request that failed here: a registry may offer them without end.
        if found.result is not Result.ANSWERED:
            sleep(WAIT_S)


def turn(agent: Agent) -> Turn:
    """Continue what is under way, or take the oldest request that fits. Raises `Unavailable` where the registry is away."""
    current = agent.state.current()
    if current is not None and current.stage is Stage.SENT:  # nothing is measured for it any more
        return Turn(pursue(agent, current))
    if why := conditions.halted(agent.policy, agent.moment(agent.policy)):
        return Turn(None, why)
    seen = agent.look(paths.cache())
    if why := conditions.unfit(agent.policy, seen):
        return Turn(None, why)
    here = conditions.devices(seen.environment)
    if current is not None and (why := jobs.unfit(current.job, agent.policy, here, agent.policies)):
        _drop(agent, current, why)  # the owner changed the policy meanwhile
        current = None
    begun = current is not None and not agent.state.measured(current.job.request)
    if begun and (why := conditions.full(agent.policy, agent.used_bytes())):
        return Turn(None, why)
    if current is None:
        current, why = _chosen(agent, here)
    if current is None:
        return Turn(None, why)
    with conditions.shown(here, counted(current.job.hardware)[0]):
        return Turn(pursue(agent, current))


def _chosen(agent: Agent, here: Sequence[Device]) -> tuple[Current | None, str]:
    """The first job that fits, written down before it is asked for; else why none does."""
    reasons: Counter[str] = Counter()
    offered = jobs.listed(agent.leases.offered())
    for told in offered:
        try:
            job = jobs.read(told)
            why = jobs.unfit(job, agent.policy, here, agent.policies) or _held_back(agent, job, offered)
        except RecordInvalid as error:
            why = str(error)
        if why:
            reasons[why] += 1
            continue
        if why := conditions.full(agent.policy, agent.used_bytes()):
            return None, why
        current = Current(
            job=job,
            lease=secrets.token_hex(32),
            triple=jobs.triple_of(job, agent.policy),
            stage=Stage.TAKING,
        )
        agent.state.keep(current)
        return current, ""
    common = ", ".join(f"{why} ({count})" for why, count in reasons.most_common(3))
    return None, f"no request fits: {common}" if common else "nobody asks for anything now"


def _held_back(agent: Agent, job: Job, offered: Sequence[object]) -> str:
    if agent.state.over(job.request):
        return "it ended here before"
    if agent.policy.approval == "manual" and not agent.state.approved(job.request):
        if not agent.state.may_wait(job.request, lambda: jobs.named(offered)):
            return "as many as may wait for your approval already"
        if agent.state.wait(job):
            agent.tell(f"request {job.request[:12]} waits for you: repro agent approve {job.request[:12]}")
        return "it waits for your approval"
    return ""


def _drop(agent: Agent, current: Current, why: str) -> None:
    try:
        agent.leases.release(current.job.request, current.lease)
    except ReproError:
        agent.tell("the lease ends by itself")
    agent.state.discard(current.job.request)
    agent.state.drop()
    agent.tell(f"request {current.job.request[:12]} is dropped: {why}")
