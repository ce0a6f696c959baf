"""The table `leases`: who measures a request now. Nothing of it is in the log, or exported."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, update

from harness.registry.db import lookups, tables
from harness.registry.db.reader import Reader
from harness.registry.rules.triples import OPEN


@dataclass(frozen=True, slots=True)
class Held:
    """A request that an operator's machine has taken. Times are seconds since 1970; `until_s` 0: given back."""

    request: str
    operator: str
    lease: str
    began_s: int
    until_s: int
    taken: int


def of_request(reader: Reader, request: str) -> list[Held]:
    """All that were taken of it, given back or not."""
    return _read(reader, tables.leases.c.request == request)


def of_operator(reader: Reader, operator: str) -> list[Held]:
    """All that an operator's machines have taken."""
    return _read(reader, tables.leases.c.operator == operator)


def named(reader: Reader, lease: str) -> Held | None:
    """The one of that number."""
    return next(iter(_read(reader, tables.leases.c.lease == lease)), None)


def live(reader: Reader, now_s: int) -> set[str]:
    """Requests that some machine measures now."""
    wanted = select(tables.leases.c.request).where(tables.leases.c.until_s > now_s)
    return {str(one) for one in reader.connection.execute(wanted).scalars()}


def put(reader: Reader, one: Held) -> None:
    """In place of what the operator had of that request."""
    table = tables.leases
    reader.connection.execute(delete(table).where(table.c.request == one.request, table.c.operator == one.operator))
    values = {name: getattr(one, name) for name in ("request", "operator", "lease", "began_s", "until_s", "taken")}
    reader.connection.execute(insert(table), values)


def set_end(reader: Reader, lease: str, until_s: int) -> None:
    """It ends then."""
    table = tables.leases
    reader.connection.execute(update(table).where(table.c.lease == lease).values(until_s=until_s))


def answered(reader: Reader, requests: Collection[str]) -> set[str]:
    """Those of the requests that some record may yet answer, or does."""
    return {one.request for one in lookups.answering(reader, requests).values() if one.status in OPEN}


def forget(reader: Reader, before_s: int) -> None:
    """Leases that began before, and that nobody holds."""
    table = tables.leases.c
    reader.connection.execute(delete(tables.leases).where(table.began_s < before_s, table.until_s < before_s))


def _read(reader: Reader, condition: Any) -> list[Held]:
    table = tables.leases.c
    wanted = select(table.request, table.operator, table.lease, table.began_s, table.until_s, table.taken)
    rows = reader.connection.execute(wanted.where(condition).order_by(table.request, table.operator))
    return [Held(str(a), str(b), str(c), int(d), int(e), int(f)) for a, b, c, d, e, f in rows]
