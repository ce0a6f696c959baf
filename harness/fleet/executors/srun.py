"""SLURM where its nodes share no folder with this machine: `srun` carries a job's order in and its record out.

A process here leads each batch, one `srun` after the other: the plan is its input, the parcel (`harness.fleet.parcel`) its
output. With the process its `srun` ends; what was measured stays on the node, and the same job continues from there.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.errors import BadInput
from harness.fleet.executors import local, slurm
from harness.fleet.outcome import Held
from harness.fleet.plan import MOST_JOBS, Job, Node, Plan
from harness.fleet.state import Batch, State

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


class Srun:
    """The scheduler, through a process of ours that waits for it."""

    name = "srun"
    poll_s = 0.5

    def nodes(self) -> Sequence[Node]:
        """As SLURM lists them."""
        return slurm.EXECUTOR.nodes()

    def default_cache(self) -> str:
        """Each node's own: its user's, or what the matrix's starter named."""
        return ""

    def enter(self, plan: Plan, node: str) -> None:
        """Be the node that the plan says."""
        slurm.be_on(node)
        if plan.cache:
            os.environ["XDG_CACHE_HOME"] = plan.cache.replace("%n", node)

    def most(self) -> int:
        """All that there are: each is an `srun` of its own."""
        return MOST_JOBS

    def submit(self, state: State, batch: Batch) -> str:
        """Start the process that leads it."""
        return local.led(state, batch, "lead")

    def find(self, state: State, batch: Batch) -> str | None:
        """By the lock of the process that leads it."""
        return local.EXECUTOR.find(state, batch)

    def poll(self, state: State, batches: Sequence[Batch]) -> Mapping[int, Held]:
        """By the locks that those processes hold. A job counts as running while SLURM lets it wait, too."""
        return local.EXECUTOR.poll(state, batches)

    def ends(self, state: State, batch: Batch, numbers: Sequence[int]) -> Mapping[int, str]:
        """What `srun` said is in the job's log."""
        return {number: f"its parcel did not arrive; see {state.log(f'job-{number:05d}').name}" for number in numbers}

    def cancel(self, state: State, batches: Sequence[Batch]) -> None:
        """Ctrl-C to each batch's group, its `srun` among it."""
        local.EXECUTOR.cancel(state, batches)


def carry(state: State, job: Job, again: str, output: Path, log: Path) -> int:
    """Run the job on its node; its output goes to `output`. The exit status of `srun`. Raises `BadInput` where there is none."""
    program = shutil.which("srun")
    if program is None:
        raise BadInput("srun is not here", where="--executor srun", fix="run it where SLURM's commands are installed")
    words = [*slurm.whole_node(job.node, state.plan.machine(job)), f"--job-name=repro-{state.plan.id}-{job.number}"]
    words += ["--quit-on-interrupt", "--chdir=/tmp"]  # a folder of this machine may not be there
    node_side = [sys.executable, "-m", "harness.fleet", "carry", str(job.number), again]
    with output.open("wb") as out, log.open("ab") as said:
        child = subprocess.Popen(
            [program, *words, *node_side], stdin=subprocess.PIPE, stdout=out, stderr=said, preexec_fn=_end_with_us,
            env={name: value for name, value in os.environ.items() if not name.startswith(("SRUN_", "SLURM_JOB"))},
        )  # fmt: skip
        child.communicate(state.plan.model_dump_json().encode())
    return child.returncode


def _end_with_us() -> None:
    """Nobody would take the parcel: SLURM stops the job, and the node keeps what it has."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


EXECUTOR = Srun()
