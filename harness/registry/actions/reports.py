"""Reports of rows: opened and withdrawn by operators, closed by editors."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.registry.actions.acts import Actor, act
from harness.registry.db.transaction import Item
from harness.registry.store import Registry


class Step(StrEnum):
    """What happens to reports of a row, by the kind of its event."""

    REPORT = "row-reported"
    WITHDRAW = "report-withdrawn"
    CLOSE = "reports-closed"


@dataclass(frozen=True, slots=True)
class Done:
    """A row after a step."""

    row: str  # whole id
    entry: int


def step(
    registry: Registry, actor: Actor, kind: Step, row: str, *, reason: str = "", first: Sequence[Item] = ()
) -> Done:
    """One step at the row whose id begins so, after the events of `first`. Raises why it may not be."""
    with registry.reading() as reader:
        whole = reader.id_of(row)
    taken = act(registry, actor, kind.value, whole, reason=reason, first=first)
    return Done(whole, taken.entry.index)
