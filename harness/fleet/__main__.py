"""What an executor starts: `python -m harness.fleet job STATE BATCH INDEX` on a node, `… run STATE BATCH` for all of a batch.

Where nodes share no folder, `… lead STATE BATCH` here has `… carry NUMBER AGAIN` run on the node: the plan is its input, the
parcel its output.

Nobody types this: `repro fleet` does. Exit status 0: the job is over, or must not run; 1: it was cut off, and may run again.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from pathlib import Path
from types import FrameType

from harness.errors import BadInput, Interrupted, ReproError
from harness.fleet.state import Batch, State, open_state


def main(arguments: list[str]) -> int:
    """Do it; the exit status."""
    signal.signal(signal.SIGTERM, _stopped)  # as Ctrl-C: the worker is stopped, the journal kept
    signal.signal(
        signal.SIGINT, _stopped
    )  # `cancel` sends it; whoever a script starts in its background has it ignored
    try:
        match arguments:
            case ["job", folder, batch, index]:
                return _job(*_opened(folder, batch), int(index))
            case ["run", folder, batch]:
                return _all(*_opened(folder, batch))
            case ["lead", folder, batch]:
                return _lead(*_opened(folder, batch))
            case ["carry", number, again]:
                return _carry(int(number), tuple(map(int, again.split(","))))
        raise BadInput(f"{arguments!r:.200} must be job, run, lead or carry, and what it takes", where="harness.fleet")
    except (Interrupted, KeyboardInterrupt) as error:
        sys.stderr.write(f"stopped: {error}\n")
        return 1
    except ReproError as error:
        sys.stderr.write(f"repro: {error}\n")
        return 1


def _stopped(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def _opened(folder: str, batch: str) -> tuple[State, Batch]:
    state = open_state(Path(folder))
    found = next((one for one in state.batches() if one.number == int(batch)), None) if state is not None else None
    if state is None or found is None:
        raise BadInput("there is no such batch", where=f"{folder} {batch}")
    return state, found


def _job(state: State, batch: Batch, index: int) -> int:
    from harness.fleet.executors import place_of
    from harness.fleet.job import run_job

    place_of(state.plan.executor).enter(state.plan, batch.node)
    by = f"batch {batch.number}, {os.environ.get('SLURM_JOB_ID', f'process {os.getpid()}')}"
    return 0 if run_job(state, batch.jobs[index], by) else 1


def _all(state: State, batch: Batch) -> int:
    """Each job in a process of its own, one after the other: what one leaves behind is not the next one's.

    It is a copy of this one, which has imported everything once: a second of each job's otherwise.
    """
    from harness.fleet.executors.local import leading

    with leading(state, batch):
        import harness.fleet.job  # noqa: F401

        for index, number in enumerate(batch.jobs):
            if state.cancelled:
                return 1
            log = state.log(f"job-{number:05d}")
            sys.stderr.flush()
            child = os.fork()
            if child == 0:
                os._exit(_copy(log, ["job", str(state.folder), str(batch.number), str(index)]))
            try:
                os.waitpid(child, 0)
            except KeyboardInterrupt:  # the whole group has it: the job ends by itself
                os.waitpid(child, 0)
                raise
    return 0


def _lead(state: State, batch: Batch) -> int:
    """Each job by an `srun` of its own, one after the other; what came back is taken before the next begins."""
    from harness.fleet.carrying import carried
    from harness.fleet.executors.local import leading

    with leading(state, batch):
        for number in batch.jobs:
            if state.cancelled:
                return 1
            carried(state, state.plan.jobs[number])
    return 0


def _carry(number: int, again: tuple[int, ...]) -> int:
    """On the node: do the job of the plan that standard input holds, in a folder of this node; print its parcel."""
    from harness.fleet.carrying import done_here

    sys.stdout.buffer.write(done_here(sys.stdin.buffer.read(), number, again))
    sys.stdout.buffer.flush()
    return 0


def _copy(log: Path, arguments: list[str]) -> int:
    """The copy's own: its log, and none of the files that are open here, such as the batch's lock."""
    os.closerange(3, 256)
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    for stream in (1, 2):
        os.dup2(descriptor, stream)
    os.close(descriptor)
    try:
        return main(arguments)
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
