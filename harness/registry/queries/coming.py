"""Records of closed rows that the rule brings to a row when its own record is approved (docs/decisions/0038)."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from harness.errors import BadInput, RecordInvalid
from harness.registry.db.reader import Reader
from harness.registry.facts import RecordFact
from harness.registry.queries import rows
from harness.registry.rules.triples import waiting
from harness.tiers.values import Measurement


def rows_of(reader: Reader, records: Iterable[str]) -> set[str]:
    """The rows of records, and the closed rows whose records would come along to these: what must be verified to show them."""
    found: set[str] = set()
    for row in {_row(reader, record) for record in records}:
        found.add(row)
        with suppress(BadInput, RecordInvalid):
            hub = reader.get(RecordFact, row)
            if hub is not None:
                found |= {one.row for one in waiting(row, hub, reader).values()}
    return found


def _row(reader: Reader, record: str) -> str:
    """Its own id where the database says nothing of it that can be read: whoever looks at the record is told so."""
    with suppress(BadInput, RecordInvalid):
        own = reader.get(RecordFact, record)
        return record if own is None else own.row
    return record


def coming(reader: Reader, hub: str) -> tuple[Measurement, ...]:
    """Those records as the rules look at them, by id; none where the row's own record was taken down."""
    fact = reader.get(RecordFact, hub)
    if fact is None or fact.row != hub:
        return ()
    found = waiting(hub, fact, reader)
    closed = sorted({one.row for one in found.values()})
    return tuple(one for row in closed for one in rows.members_of(reader, row) if one.id in found)
