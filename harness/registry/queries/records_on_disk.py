"""Records on disk scored as the row of a registry: as if an editor had accepted them all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from harness.catalog import policies
from harness.catalog.policies import Loaded
from harness.record.store import find
from harness.registry.intake.measurement import measurement_of
from harness.tiers.score import Score, score
from harness.tiers.values import Row, Source
from harness.verify.reading import Checked, trusted, well_formed


@dataclass(frozen=True, slots=True)
class ScoredFiles:
    """The row that the files make, its score, and what verifying each of them said."""

    row: Row
    score: Score
    loaded: Loaded
    policy: str  # as it was asked for
    as_of: date
    checked: tuple[Checked, ...]


def scored(hub: Path, records: Sequence[Path], policy: str, as_of: date, *, editorial: bool) -> ScoredFiles:
    """`editorial`: an editor measured the hub. Raises `BadInput`, and `RecordInvalid` for a record that does not hold."""
    loaded = policies.load(policy)
    checked = [trusted(path) for path in (hub, *(stored.path for stored in find(records)))]
    measured = []
    for place, one in enumerate(checked):
        with well_formed(str(one.stored.path)):
            source = Source.EDITORIAL if editorial and place == 0 else Source.COMMUNITY
            measured.append(measurement_of(one.stored, source=source))
    row = Row(measured[0], tuple(measured[1:]))
    return ScoredFiles(row, score(row, loaded.policy, as_of), loaded, policy, as_of, tuple(checked))
