"""Who distributes a fleet's jobs: one file an engine, all of the same shape."""

from __future__ import annotations

from importlib import import_module

from harness.errors import BadInput
from harness.fleet.executors.base import Executor, Place

# Name → module. An engine that a lab does not have is never imported.
EXECUTORS = {
    "local": "harness.fleet.executors.local",
    "slurm": "harness.fleet.executors.slurm",
    "srun": "harness.fleet.executors.srun",
}


def find(name: str) -> Executor:
    """The executor of that name. Raises `BadInput`."""
    if name not in EXECUTORS:
        raise BadInput(f"there is no executor {name!r}", where="--executor", fix=f"take one of {', '.join(EXECUTORS)}")
    made: Executor = import_module(EXECUTORS[name]).EXECUTOR
    return made


def place_of(name: str) -> Place:
    """The side of an executor that is on a node."""
    return find(name)
