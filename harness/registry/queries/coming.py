"""Records of closed rows that the rule brings to a row when its own record is approved (docs/decisions/0038)."""

from __future__ import annotations

from harness.errors import BadInput, RecordInvalid
from harness.registry.db.reader import Reader
from harness.registry.facts import RecordFact
from harness.registry.queries import rows
from harness.registry.rules.triples import waiting
from harness.tiers.values import Measurement


def rows_of(reader: Reader, record: str) -> list[str]:
    """The row of a record, and the closed rows whose records would come along to it: what must be verified to show the record."""
    row, more = record, dict[str, RecordFact]()
    try:
        own = reader.get(RecordFact, record)
        row = record if own is None else own.row
        hub = reader.get(RecordFact, row)
        more = {} if hub is None else waiting(row, hub, reader)
    except (BadInput, RecordInvalid):
        pass  # the database says nothing of it that can be read: whoever looks at the record is told so
    return sorted({row, *(one.row for one in more.values())})


def coming(reader: Reader, hub: str) -> tuple[Measurement, ...]:
    """Those records as the rules look at them, by id; none where the row's own record was taken down."""
    fact = reader.get(RecordFact, hub)
    if fact is None or fact.row != hub:
        return ()
    found = waiting(hub, fact, reader)
    closed = sorted({one.row for one in found.values()})
    return tuple(one for row in closed for one in rows.members_of(reader, row) if one.id in found)
