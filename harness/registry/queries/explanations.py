"""All that a registry says of one row: its records, its score by every rule, cautions, and evidence from elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

from harness.catalog.policies import Loaded
from harness.errors import RecordInvalid
from harness.registry.db.reader import Reader
from harness.registry.facts import Evidence, EvidenceFact
from harness.registry.queries import believed, cautions, failures, reports, rows
from harness.registry.queries.active_policy import in_force
from harness.registry.queries.believed import Doubt
from harness.registry.queries.failures import Told
from harness.registry.queries.secondary import record_in
from harness.registry.store import Registry
from harness.tiers.cautions import Caution
from harness.tiers.score import Score
from harness.tiers.values import Row


@dataclass(frozen=True, slots=True)
class Explanation:
    """A row and its score, with what stands beside it."""

    id: str  # the row's, whole
    row: Row
    score: Score
    loaded: Loaded
    as_of: date
    cautions: tuple[Caution, ...]
    evidence: tuple[tuple[str, Evidence], ...]  # by id
    left_out: tuple[Doubt, ...]  # records that do not hold
    failures: tuple[Told, ...] = ()  # runs of its model and engine that failed
    failure_heads: int = 0  # how many persons tell of them
    frozen: reports.Frozen | None = None  # the row is under review


@contextmanager
def row_alone(registry: Registry, record: str) -> Iterator[tuple[Reader, str, list[Doubt]]]:
    """A reader that leaves out what does not hold, the id of the row of a record that begins so, and what is left out of it."""
    with registry.reading() as reader:
        failures.refuse(reader, record)
        row = rows.row_of(reader, record)
    with believed.reading(registry, [row]) as (reader, left_out):
        yield reader, row, left_out


def explained(reader: Reader, row: str, left_out: Sequence[Doubt], policy: str | None, as_of: date) -> Explanation:
    """Under that policy, or the registry's. Raises `RecordInvalid` where the record that opened the row is among `left_out`."""
    for doubt in left_out:
        if doubt.record == row:
            what = f"the record that opened this row does not hold: {doubt.what}"
            raise RecordInvalid(what, where=row[:12], fix="run: repro audit")
    loaded = in_force(reader, policy)
    found, score = rows.score_row(reader, row, loaded.policy, as_of)
    people = rows.people(reader, [one.operator for one in rows.members(found)])
    records = {one.id: record for one in rows.members(found) if (record := record_in(reader, one.id)) is not None}
    said = cautions.of_row(reader, found, score, people, records)
    imported = reader.all(EvidenceFact).items()
    evidence = [(name, one.evidence) for name, one in imported if one.row == row and not one.removed]
    failed = failures.at_rows(reader, failures.public(reader)).get(row, ())
    heads = failures.heads(failed, rows.people(reader, [one.operator for one in failed])) if failed else 0
    beside = (said, tuple(evidence), tuple(left_out), failed, heads)
    return Explanation(row, found, score, loaded, as_of, *beside, reports.frozen_row(reader, row))
