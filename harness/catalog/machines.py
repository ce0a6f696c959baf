"""The machines of a fleet: classes of nodes, and what a configuration needs of one."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from harness.catalog.grids import Lists
from harness.catalog.toml_file import Part

MOST_NODES = 1000
# What a scheduler's command line takes as one word: no space, no quote, no comma, nothing that begins like an option.
NODE_NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$"
Ident = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
NodeName = Annotated[str, Field(pattern=NODE_NAME)]
Constraint = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.&|-]{0,199}$")]


class Machine(Lists):
    """One class of nodes: each of them measures every configuration, `repeats` times."""

    name: Ident
    nodes: int | None = Field(default=None, ge=1, le=MOST_NODES, description="how many; default: all that fit")
    names: tuple[NodeName, ...] = Field(default=(), max_length=MOST_NODES, description="these nodes and no others")
    repeats: int = Field(default=1, ge=1, le=100)
    constraint: Constraint | None = Field(default=None, description="features, as the scheduler's --constraint")
    partition: Ident | None = Field(default=None, description="of the scheduler; default: its own")
    devices: int | None = Field(
        default=None, ge=0, le=64, description="GPUs that a run is shown, 0: none; default: as the engine finds them"
    )
    device_kind: Ident | None = Field(default=None, description="of the node's GPUs, all of them: a100, rtx-4090")
    time_limit_s: int | None = Field(default=None, ge=60, description="of a job; default: the scheduler's")
    tolerate: tuple[str, ...] = Field(default=(), max_length=20, description="doctor's checks that take no node out")

    @model_validator(mode="after")
    def _distinct(self) -> Machine:
        twice = next((one for one in self.names if self.names.count(one) > 1), None)
        if twice is not None:
            raise ValueError(f"names has {twice!r} twice")
        if self.names and self.nodes is not None and self.nodes > len(self.names):
            raise ValueError(f"{self.nodes} nodes are asked for, and names has {len(self.names)}")
        return self


class Needs(Part):
    """What a node must have for any configuration of the matrix."""

    memory_mib: int | None = Field(default=None, ge=1)
    devices: int | None = Field(default=None, ge=1, le=64, description="GPUs")
    device_kind: Ident | None = Field(default=None, description="of its GPUs, all of them")
