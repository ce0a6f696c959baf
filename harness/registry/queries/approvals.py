"""Whether an editor's approval adds anything."""

from __future__ import annotations

from harness.errors import Conflict
from harness.registry.db.reader import Reader
from harness.registry.facts import EditorsFact, FailureFact, PolicyFact, RecordFact
from harness.tiers.values import Status


def add(reader: Reader, identity: str, fact: RecordFact | FailureFact, handle: str) -> None:
    """Raises `Conflict` where the record waits with that editor's approval, and would still wait with another of it."""
    if fact.status is not Status.PENDING or handle not in fact.approvals:
        return
    editors, needed = reader.need(EditorsFact).editors, reader.need(PolicyFact).approvals
    given = sum(one in editors for one in fact.approvals)
    if given < needed:
        raise Conflict(
            f"has the approval of {handle} already, {given} of {needed}",
            where=identity[:12],
            fix="let another editor approve it",
        )
