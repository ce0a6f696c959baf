"""What a fleet asks of an engine that distributes jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from harness.fleet.outcome import Held
from harness.fleet.plan import Node, Plan
from harness.fleet.state import Batch, State


class Place(Protocol):
    """The side on a node."""

    def enter(self, plan: Plan, node: str) -> None:
        """Take the node's place: its cache. Raises `BadInput` where this is another node than the plan says."""


class Executor(Place, Protocol):
    """The side where `repro fleet` runs. What came of a job is in the state's folder, whoever ran it: `collect` reads it there.

    A batch is known by the fleet's id and its own number, never by what the engine calls it: that is given again. What `submit`
    and `find` return is kept for people who look for it there.

    Every method raises `Unavailable` where the engine does not answer for now: nothing was changed then, ask again.
    """

    name: str
    poll_s: float  # how often it may be asked

    def nodes(self) -> Sequence[Node]:
        """The machines that it has. Raises `BadInput` where the engine is not here."""

    def default_cache(self) -> str:
        """Each node's cache, with %n for its name; "": the user's own."""

    def most(self) -> int:
        """How many jobs one batch may hold at most."""

    def submit(self, state: State, batch: Batch) -> str:
        """Hand a batch over; how the engine calls it. Jobs run one at a time, in the batch's order."""

    def find(self, state: State, batch: Batch) -> str | None:
        """How the engine calls a batch whose submission was cut off, "" where it no longer says; None where it never got it."""

    def poll(self, state: State, batches: Sequence[Batch]) -> Mapping[int, Held]:
        """The jobs of these batches that it holds, by number."""

    def ends(self, state: State, batch: Batch, numbers: Sequence[int]) -> Mapping[int, str]:
        """Why it no longer holds these jobs, as far as it remembers."""

    def cancel(self, state: State, batches: Sequence[Batch]) -> None:
        """Stop them. What was measured is kept."""
