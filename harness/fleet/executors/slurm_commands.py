"""SLURM's commands and what they print."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping

from harness.errors import BadInput, Unavailable, one_line
from harness.fleet.plan import Node

_LIMIT_S = 60
# It tries again by itself where the queue is full: what it said before does not count once it has a job.
_SUBMITS = "sbatch"
# What a controller that is away, or busy, lets its commands say.
_AWAY = re.compile(
    r"Unable to contact slurm|Connection refused|Socket timed out|timed out on send/recv|Zero Bytes were transmitted|"
    r"temporarily unable|Unable to establish|Transport endpoint|backup controller|Communication connection failure|"
    r"slurm_load_\w+ error: (?!Invalid)|auth/munge: .*(socket|Connection)",
    re.IGNORECASE,
)
# By a state's first letters. A node that is planned is idle: the backfill keeps it for a job that waits, which may be ours.
_DOWN = (
    "down", "drain", "fail", "maint", "reboot", "power", "unk", "inval", "future", "blocked", "error", "no_respond", "perfctrs",
)  # fmt: skip


def ask(program: str, *arguments: str, given: Mapping[str, str] | None = None) -> str:
    """What the command prints. Raises `Unavailable` where the controller does not answer, `BadInput` for what it refuses."""
    path = shutil.which(program)
    if path is None:
        raise BadInput(
            f"{program} is not here",
            where="--executor slurm",
            fix="run it where SLURM's commands are installed, or take --executor local",
        )
    try:
        done = subprocess.run(
            [path, *arguments], capture_output=True, text=True, errors="replace", timeout=_LIMIT_S, check=False,
            stdin=subprocess.DEVNULL, env=None if given is None else dict(given),
        )  # fmt: skip
    except subprocess.TimeoutExpired as late:
        # It may wait for a full queue, and say so.
        said = one_line(f": {' '.join(_text(late.stderr).split())}") if late.stderr else ""
        raise Unavailable(
            f"{program} did not end in {_LIMIT_S} s{said}", where="SLURM", fix="try again later"
        ) from None
    if done.returncode == 0 and (program == _SUBMITS or not (done.stderr and _AWAY.search(done.stderr))):
        return done.stdout
    told = one_line(f"{program}: {' '.join(done.stderr.split()) or f'exit status {done.returncode}'}")
    if _AWAY.search(done.stderr):
        raise Unavailable(told, where="SLURM", fix="nothing was changed; try again when its controller answers")
    raise BadInput(told, where="SLURM", fix="see the matrix's machines, or ask the site's staff")


def _text(said: bytes | str) -> str:
    return said.decode(errors="replace") if isinstance(said, bytes) else said


def node_of(line: str) -> Node:
    """A line of `sinfo`: name, state, MiB, generic resources, features, partition, which bears a * where it is the default.

    Raises `BadInput` for another line.
    """
    parts = [part.strip() for part in line.split("|")]
    if len(parts) != 6:
        raise BadInput(f"sinfo says {one_line(line, 80)!r}", where="SLURM", fix="ask the site's staff what that is")
    name, state, memory, resources, features, partition = parts
    bad = next((word for word in _DOWN if state.rstrip("*~#!%$@^-").startswith(word)), None)
    silent = state.endswith("*")
    return Node(
        name=name,
        memory_mib=int(memory) if memory.isdecimal() else None,
        devices=gpus(resources),
        device_kinds=gpu_kinds(resources),
        features=tuple(one for one in features.split(",") if one and one != "(null)"),
        partitions=(partition.removesuffix("*"),),
        by_default=partition.endswith("*"),
        why_not=f"is {state}" if bad or silent else "",
    )


# `gpu`, `gpu:2`, `gpu:a100:4(S:0-1)`, `gpu:1g.5gb:7`: a word that is no number is the type.
_GPU = re.compile(r"(?:^|,)gpu(?::(?!\d+(?:[,(]|$))([\w.+-]+))?(?::(\d+))?(?=[,(]|$)")


def gpus(resources: str) -> int:
    """How many `gpu:2`, `gpu:a100:4(S:0-1)` or `gpu:a:1,gpu:b:1` are."""
    return sum(int(count or 1) for _, count in _GPU.findall(resources))


def gpu_kinds(resources: str) -> tuple[str, ...]:
    """What the site calls them, each once; none where it gives them no type."""
    return tuple(dict.fromkeys(kind for kind, _ in _GPU.findall(resources) if kind))


def ranges(count: int) -> str:
    """The indexes of an array of so many."""
    return "0" if count == 1 else f"0-{count - 1}"
