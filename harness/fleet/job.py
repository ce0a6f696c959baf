"""One job on its node: is the node fit, measure, is it still fit, and write down how it ended.

A job is data: its number in the plan. Whoever starts it twice, or again after a crash, measures once: a lock keeps two apart, an
outcome ends it, and the journal continues what was cut off. The jobs of a pair are done together, by whoever comes first.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from harness import paths
from harness.errors import BadInput, one_line
from harness.files import locked
from harness.fleet import node_rules
from harness.fleet.measured import Ways, measure
from harness.fleet.outcome import Ending, Outcome, Seen
from harness.fleet.plan import Job, Plan
from harness.fleet.state import State
from harness.progress import SILENT
from harness.run.session import alone
from harness.run.waiting import patiently
from harness.state_files import utc

PATIENCE_S = 86_400.0  # for a lock: another fleet, or a job whose leader was killed, may measure on the node for hours
MOST_ATTEMPTS = 20  # pre-empted as often as that, it is given up

Examine = Callable[[Path, bool], tuple[Seen, ...]]


def run_job(state: State, number: int, by: str, *, ways: Ways | None = None, examine: Examine | None = None) -> bool:
    """Do the job, or nothing where it is over, cancelled, or done by another at this moment; whether it is over now.

    Raises `Interrupted` where it was stopped: it is not over then, and what was measured is kept.
    """
    job = next((one for one in state.plan.jobs if one.number == number), None)
    if job is None:
        raise BadInput(f"the plan has no job {number}", where=str(state.folder))
    together = state.plan.together(job)
    with ExitStack() as held:
        for one in together:  # always A's before B's: two that want both don't wait for each other
            held.enter_context(held_alone(state.job_folder(one.number) / "lock", "the job is running elsewhere"))
        missing = [one for one in together if state.outcome(one.number) is None]
        if not missing:
            return True
        if state.cancelled:
            return False
        with held_alone(_node_lock(state.plan, job.node), f"another fleet measures on {job.node}"):
            if examine is None:
                _wait_until_nobody_measures()
            began, started = time.monotonic(), utc()  # what it waited for whoever else measures here is not its time
            before = {one.number: state.attempts(one.number) for one in missing}
            try:
                environment = node_rules.bound(state.plan.machine(job).devices, os.environ)
            except BadInput as error:
                environment, refused = {}, one_line(str(error))
                found = [one(ending=Ending.REFUSED, reason=refused, code=error.code) for one in _endings(missing)]
            else:
                os.environ.update(environment)
                with _timed(state, before, began):
                    found = _done(state, missing, by, ways or Ways(), examine or _examined)
        shared = {
            "started_utc": started,
            "job_s": round((time.monotonic() - began) / len(missing), 3),
            "devices": tuple(f"{name}={value}" for name, value in environment.items()),
        }
        for outcome in found:
            if state.attempts(outcome.number) > before[outcome.number]:
                state.end_attempt(outcome.number, 0.0)  # this one's time is the outcome's
            tries = {
                "attempts": max(state.attempts(outcome.number), 1),
                "earlier_s": round(state.earlier_s(outcome.number), 3),
            }
            state.conclude(outcome.model_copy(update=shared | tries))
        return True


@contextmanager
def _timed(state: State, before: Mapping[int, int], began: float) -> Iterator[None]:
    """What is cut off took its node's time, too. `before`: how often each job had begun."""
    try:
        yield
    except BaseException:
        for number, count in before.items():
            if state.attempts(number) > count:
                state.end_attempt(number, (time.monotonic() - began) / len(before))
        raise


def _done(state: State, jobs: Sequence[Job], by: str, ways: Ways, examine: Examine) -> list[Outcome]:
    """How the jobs end; their times are filled in by whoever asks. Several are the sides of one pair."""
    job = jobs[0]
    if out := kept_out(state, jobs):
        return out
    ended, machine = _endings(jobs), state.plan.machine(job)
    cache = paths.cache()
    before = examine(cache, bool(machine.devices))
    if why := node_rules.grave(before, machine.tolerate):
        state.drain(job.node, why)
        return [one(ending=Ending.DRAINED, reason=why, before=before) for one in ended]
    for one in jobs:
        state.begin_attempt(one.number, by)
    measured, seconds = measure(state, jobs, ways)
    after = examine(cache, bool(machine.devices))
    if spoilt := node_rules.grave(after, machine.tolerate):
        state.drain(job.node, f"after {job}: {spoilt}")
    return [
        one(
            ending=found.ending,
            record=None if found.record is None else found.record.parent.name,
            reason=found.reason,
            code=found.code,
            before=before,
            after=after,
            spoilt=spoilt,
            run_s=round(seconds, 3),
        )
        for one, found in zip(ended, measured, strict=True)
    ]


def _endings(jobs: Sequence[Job]) -> list[partial[Outcome]]:
    return [partial(Outcome, number=one.number, node=one.node, started_utc="", job_s=0.0) for one in jobs]


def kept_out(state: State, jobs: Sequence[Job]) -> list[Outcome]:
    """How the jobs end without being begun: drained, out of budget, cut off too often; nothing where they may begin."""
    ended = _endings(jobs)
    if drained := state.drained().get(jobs[0].node):
        return [one(ending=Ending.DRAINED, reason=drained.reason) for one in ended]
    if used := _over_budget(state):
        return [one(ending=Ending.LEFT_OUT, reason=used) for one in ended]
    if max(state.attempts(one.number) for one in jobs) >= MOST_ATTEMPTS:
        why = f"was cut off {MOST_ATTEMPTS} times"
        return [one(ending=Ending.FAILED, reason=why, code="cut_off") for one in ended]
    return []


def _over_budget(state: State) -> str:
    budget = state.plan.budget_s
    used = 0.0 if budget is None else sum(state.spent_s(one.number) for one in state.plan.jobs)
    return (
        f"the budget of {budget} node-seconds is used up ({used:.0f} s)"
        if budget is not None and used >= budget
        else ""
    )


def _examined(cache: Path, gpu: bool) -> tuple[Seen, ...]:
    """Once nobody else measures here: a run of ours beside the fleet is waited for, and takes no node out."""
    _wait_until_nobody_measures()
    return node_rules.examined(cache, gpu=gpu)


def _wait_until_nobody_measures() -> None:
    patiently(_nobody_measures, SILENT, PATIENCE_S, 0.1)


def _nobody_measures() -> None:
    with alone(SILENT):
        pass


def _node_lock(plan: Plan, node: str) -> Path:
    """Of this user on this machine under the node's name: outside of any folder that nodes share."""
    name = f"repro-harness-{os.getuid()}-{plan.executor}-{node}.lock"
    return Path(tempfile.gettempdir()) / name


@contextmanager
def held_alone(path: Path, busy: str) -> Iterator[None]:
    """Hold the lock, when whoever has it lets it go. Raises `BadInput` where that takes too long, or there can be no lock."""
    with ExitStack() as held:
        patiently(lambda: held.enter_context(locked(path, busy)), SILENT, PATIENCE_S, 0.1, busy)
        yield
