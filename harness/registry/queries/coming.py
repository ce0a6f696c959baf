"""Records of closed rows that the rule brings to a row when its own record is approved (docs/decisions/0038)."""

from __future__ import annotations

from harness.registry.db.reader import Reader
from harness.registry.queries import rows
from harness.registry.rules.triples import waiting
from harness.tiers.values import Measurement


def rows_of(reader: Reader, record: str) -> list[str]:
    """The row of a record, and the closed rows whose records would come along to it: what must be verified to show the record."""
    row = str((reader.get("record", record) or {"row": record})["row"])
    fact = reader.get("record", row)
    more = {} if fact is None else waiting(row, fact, reader)
    return sorted({row, *(str(one["row"]) for one in more.values())})


def coming(reader: Reader, hub: str) -> tuple[Measurement, ...]:
    """Those records as the rules look at them, by id; none where the row's own record was taken down."""
    fact = reader.get("record", hub)
    if fact is None or fact["row"] != hub:
        return ()
    found = waiting(hub, fact, reader)
    closed = sorted({str(one["row"]) for one in found.values()})
    return tuple(one for row in closed for one in rows.members_of(reader, row) if one.id in found)
