"""SLURM, by its own commands: a batch is an array of whole-node jobs on one node, one at a time. No accounting is needed.

Why its commands and not a library: docs/decisions/0087.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from harness import paths
from harness.catalog.machines import NODE_NAME, Machine
from harness.errors import BadInput, one_line
from harness.files import write_bytes
from harness.fleet.executors.slurm_commands import ask, node_of, ranges
from harness.fleet.outcome import Held, Phase
from harness.fleet.plan import Node, Plan
from harness.fleet.state import Batch, State

# What a node needs of the submitting environment; nothing else travels: a token in it would lie in the controller's memory.
KEPT = (
    "HOME", "PATH", "USER", "LOGNAME", "LANG", "LC_ALL", "TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME", "HF_ENDPOINT", "HF_HOME",
    "HF_HUB_OFFLINE", "CMAKE_ARGS", "SLURM_CONF",
)  # fmt: skip
# Every job runs the same text; what is to be done stands in the state's folder.
SCRIPT = '#!/bin/sh\nexec "$@" "$SLURM_ARRAY_TASK_ID"\n'
MOST_IN_ARRAY = 1000  # SLURM's MaxArraySize is 1001 unless a site changed it
_LONGEST_ARRAY = re.compile(r"^MaxArraySize\s*=\s*(\d+)", re.MULTILINE)
_RUNNING = frozenset(("RUNNING", "COMPLETING", "STAGE_OUT", "SIGNALING"))
# Reasons that pass by themselves.
_ITS_TURN = frozenset(("", "None", "Priority", "Resources", "Dependency", "JobArrayTaskLimit", "BeginTime", "Cleaning"))
_FORMAT = "%F|%K|%T|%U|%j|%r"


class Slurm:
    """The scheduler."""

    name = "slurm"
    poll_s = 2.0

    def nodes(self) -> Sequence[Node]:
        """As `sinfo` lists them, a node once."""
        found: dict[str, Node] = {}
        for line in ask("sinfo", "--Node", "--noheader", "--format=%N|%T|%m|%G|%f|%P").splitlines():
            if "|" not in line:
                continue  # what a site's wrapper says
            node = node_of(line)
            earlier = found.get(node.name)
            partitions = (*(earlier.partitions if earlier else ()), *node.partitions)
            by_default = node.by_default or bool(earlier and earlier.by_default)
            found[node.name] = node.model_copy(update={"partitions": partitions, "by_default": by_default})
        return tuple(found.values())

    def default_cache(self) -> str:
        """One for each node: a home that nodes share has one lock for all of them, and engines built for one processor."""
        return str(paths.cache() / "nodes" / "%n")

    def enter(self, plan: Plan, node: str) -> None:
        """Be the node that the plan says, with its own cache."""
        be_on(node)
        os.environ["XDG_CACHE_HOME"] = plan.cache.replace("%n", node)

    def most(self) -> int:
        """As long as the site lets an array be."""
        told = _LONGEST_ARRAY.search(ask("scontrol", "show", "config"))
        return MOST_IN_ARRAY if told is None else max(1, min(int(told[1]), MOST_IN_ARRAY))

    def submit(self, state: State, batch: Batch) -> str:
        """One array: `--exclusive` gives the whole node, `%1` one job of it at a time, in the array's order."""
        script = state.folder / "job.sh"
        if not script.exists():
            write_bytes(script, SCRIPT.encode())
        jobs = {job.number: job for job in state.plan.jobs}
        machine = state.plan.machine(jobs[batch.jobs[0]])
        told = ask(
            "sbatch", *arguments(state, batch, machine), str(script), *_command(state, batch), given=_environment()
        )
        return told.strip().partition(";")[0]

    def find(self, state: State, batch: Batch) -> str | None:
        """By its name; a batch of which a job has begun was handed over, and is over."""
        if found := _listed(state, [batch]):
            return found[0].handle
        return "" if any(state.attempts(number) for number in batch.jobs) else None

    def poll(self, state: State, batches: Sequence[Batch]) -> Mapping[int, Held]:
        """What `squeue` lists of them."""
        found: dict[int, Held] = {}
        for one in _listed(state, batches):
            running = one.phase in _RUNNING
            why = "" if running or one.reason in _ITS_TURN else one_line(f"SLURM says {one.reason}")
            if one.job is not None:
                found[one.job] = Held(Phase.RUNNING if running else Phase.QUEUED, why)
        return found

    def ends(self, state: State, batch: Batch, numbers: Sequence[int]) -> Mapping[int, str]:
        """What the controller still remembers of them, for some minutes: time limit, cancelled, node failure."""
        found = {one.job: one for one in _listed(state, [batch], "--states=all")}
        return {number: _end(found.get(number)) for number in numbers}

    def cancel(self, state: State, batches: Sequence[Batch]) -> None:
        """`scancel`, by name: also of batches that nobody noted the number of."""
        for batch in batches:
            ask("scancel", _ours(), f"--name={name_of(state, batch)}", "--quiet")


@dataclass(frozen=True, slots=True)
class _Line:
    """Of `squeue`. `handle`: the array's number; `job`: the fleet's, None while SLURM lists the array as one."""

    handle: str
    job: int | None
    phase: str
    reason: str


def _listed(state: State, batches: Sequence[Batch], *more: str) -> list[_Line]:
    """Our jobs of the batches, by their names and their user.

    Never by number: a controller that was killed gives out again the numbers that it had not saved.
    """
    by_name = {name_of(state, batch): batch for batch in batches}
    if not by_name:
        return []
    told = ask("squeue", "--noheader", "--array", *more, _ours(), f"--name={','.join(by_name)}", f"--format={_FORMAT}")
    found = []
    for line in told.splitlines():
        parts = line.strip().split("|", len(_FORMAT.split("|")) - 1)
        if len(parts) != len(_FORMAT.split("|")):
            continue
        handle, index, phase, user, name, reason = parts
        batch = by_name.get(name)
        if batch is not None and user == str(os.getuid()):
            job = batch.jobs[int(index)] if index.isdecimal() and int(index) < len(batch.jobs) else None
            found.append(_Line(handle, job, phase, reason))
    return found


def _ours() -> str:
    """An administrator's commands would reach another user's job of that name, too."""
    return f"--user={os.getuid()}"


def _end(line: _Line | None) -> str:
    if line is None:
        return "SLURM no longer knows it"
    return one_line(f"SLURM says {line.phase}" + (f", {line.reason}" if line.reason not in _ITS_TURN else ""))


def arguments(state: State, batch: Batch, machine: Machine) -> list[str]:
    """What `sbatch` is told. Every word of a matrix in it was held to a grammar when the matrix was read."""
    log = state.log(f"slurm-{batch.number:04d}-%a")
    folder = str(log.parent).replace("%", "%%")  # sbatch fills in what stands behind a %
    found = [
        "--parsable",
        f"--job-name={name_of(state, batch)}",
        f"--array={ranges(len(batch.jobs))}%1",
        "--requeue",  # after pre-emption, and when a node failed: the journal continues
        "--open-mode=append",
        f"--output={folder}/{log.name}",
        f"--chdir={state.plan.folder}",
    ]
    return found + whole_node(batch.node, machine)


def whole_node(node: str, machine: Machine) -> list[str]:
    """One node and all of it, as `sbatch` and `srun` take it. Raises `BadInput` for what is no node's name."""
    if re.fullmatch(NODE_NAME, node) is None:
        raise BadInput(f"{node!r:.80} must be a node's name", where="nodes")
    found = [
        "--nodes=1",
        "--ntasks=1",
        f"--nodelist={node}",
        "--exclusive",
        "--mem=0",
        f"--export={','.join(name for name in KEPT if name in os.environ)}",
    ]
    if machine.devices:
        found.append(f"--gres=gpu:{machine.devices}")
    if machine.constraint:
        found.append(f"--constraint={machine.constraint}")
    if machine.partition:
        found.append(f"--partition={machine.partition}")
    if machine.time_limit_s:
        found.append(f"--time={-(-machine.time_limit_s // 60)}")
    return found


def name_of(state: State, batch: Batch) -> str:
    """The batch's name at SLURM, by which it is found when nobody noted its number."""
    return f"repro-{state.plan.id}-{batch.number:04d}"


def be_on(node: str) -> None:
    """Raises `BadInput` where SLURM put the job on another node than the plan says."""
    here = os.environ.get("SLURMD_NODENAME", "")
    if here != node:
        raise BadInput(f"is planned for {node} and runs on {here or 'no node of SLURM'}", where="job")


def _command(state: State, batch: Batch) -> Iterable[str]:
    return sys.executable, "-m", "harness.fleet", "job", str(state.folder), str(batch.number)


def _environment() -> dict[str, str]:
    """Without what sbatch takes options from: a SBATCH_ variable of the user's would change what is asked."""
    return {name: value for name, value in os.environ.items() if not name.startswith("SBATCH_")}


EXECUTOR = Slurm()
