"""A job whose node shares no folder with us: both ends of the line.

The node keeps a state of its own: what was cut off continues there, and a parcel that got lost is sent again, not measured again.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack

from harness import paths
from harness.errors import BadInput
from harness.files import locked, read_limited
from harness.fleet import parcel
from harness.fleet.executors import place_of, srun
from harness.fleet.job import held_alone, kept_out, run_job
from harness.fleet.plan import Job, Plan
from harness.fleet.state import State, create, open_state
from harness.state_files import utc


def carried(state: State, job: Job) -> None:
    """Have the job done on its node, and take its parcel. A job without a whole parcel is not over: a resume asks again."""
    together = state.plan.together(job)
    log = state.log(f"job-{job.number:05d}")
    with ExitStack() as held:
        for one in together:
            held.enter_context(held_alone(state.job_folder(one.number) / "lock", "the job is running elsewhere"))
        if all(state.outcome(one.number) is not None for one in together):
            return
        if out := kept_out(state, together):
            for outcome in out:
                state.conclude(outcome.model_copy(update={"started_utc": utc()}))
            return
        for one in together:
            state.begin_attempt(one.number, f"srun of process {os.getpid()}")
        output = log.with_suffix(".parcel")
        again = ",".join(str(state.reopened(one.number)) for one in together)
        status = srun.carry(state, job, again, output, log)
        try:
            whole = parcel.take(state, together, read_limited(output, 2 * parcel.MOST, "the job's output"), str(output))
        except BadInput as error:  # what is wrong with one parcel, or a full disk, ends no other job
            whole, status = False, status or 1
            sys.stderr.write(f"{utc()} {error}\n")
        if whole:
            output.unlink(missing_ok=True)
        else:
            sys.stderr.write(f"{utc()} job {job.number} left no whole parcel; srun ended with status {status}\n")


def done_here(order: bytes, number: int, again: Sequence[int] = (0,)) -> bytes:
    """On the node: the parcel of the job, which is measured unless it was.

    `order` is the plan, JSON; `again`: how often the job, or each of its pair, was reopened by whoever orders.

    Raises `BadInput` for another node or plan, `Interrupted`: what was measured is kept for the next order.
    """
    try:
        plan = Plan.model_validate_json(order)
    except ValueError:
        raise BadInput("must be a plan of this release", where="order", fix="install one release everywhere") from None
    if number >= len(plan.jobs):
        raise BadInput(f"the plan has no job {number}", where="order")
    job = plan.jobs[number]
    place_of(plan.executor).enter(plan, job.node)
    folder = paths.cache() / "fleets" / plan.id
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_name(f"{plan.id}.lock"), "another order is being read"):
        state = open_state(folder)
        if state is None:
            folder.mkdir(exist_ok=True)
            state = create(folder, plan)
        elif state.plan != plan:
            raise BadInput("is of another plan than the one that was begun here", where=plan.id, fix=f"remove {folder}")
    state.undrain()  # who is drained, whoever orders knows
    for one, times in zip(plan.together(job), again, strict=True):
        if state.reopened(one.number) < times:
            state.reopen(one.number)
    run_job(state, number, f"order for {job.node}")
    return parcel.packed(state, plan.together(job))
