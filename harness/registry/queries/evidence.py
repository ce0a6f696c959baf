"""What editors put beside a row from other tools' logs, what was removed again with it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import Conflict, NotFound
from harness.registry.db.elsewhere import Elsewhere
from harness.registry.db.reader import Reader
from harness.registry.facts import EvidenceFact


@dataclass(frozen=True, slots=True)
class Beside:
    """One measurement, by its digest."""

    id: str
    by: str
    tool: str
    metric: str
    removed: bool
    why: str  # of its import, or of its removal


def beside(reader: Reader, row: str) -> list[Beside]:
    """Beside the row of that whole id, by id. Over a URL raises `NotAllowed` unless an editor asks."""
    if isinstance(reader, Elsewhere):
        return reader.evidence(row)
    found = sorted(reader.all(EvidenceFact).items())
    return [
        Beside(name, fact.by, fact.evidence.tool, fact.evidence.metric, fact.removed, fact.why)
        for name, fact in found
        if fact.row == row
    ]


def shown(reader: Reader, identity: str) -> None:
    """Raises `NotFound` where there is no such measurement, `Conflict` where it was removed: the log would say it twice."""
    found = reader.get(EvidenceFact, identity)
    if found is None:
        raise NotFound("there is no such measurement", where=identity[:12], fix="see the page of its row")
    if found.removed:
        raise Conflict(f"was removed before: {found.why}", where=identity[:12])
