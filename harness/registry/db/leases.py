"""The table `leases`: who measures a request now. Nothing of it is in the log, or exported."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete, insert, select, update

from harness.registry.db import tables
from harness.registry.db.reader import Reader
from harness.registry.facts import RecordFact
from harness.registry.facts.stored import parse
from harness.registry.rules.triples import OPEN

_ANSWERING = '%"request": "%'  # in a record's stored fact, as `facts.stored` writes it
_NOTHING = '%"request": ""%'


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


def answers(reader: Reader, request: str = "") -> dict[str, str]:
    """Records that may yet answer a request, or do: id → request. Of that request; "": of all."""
    table = tables.facts.c
    wanted = select(table.name, table.value).where(table.kind == RecordFact.KIND)
    if request:
        wanted = wanted.where(table.value.like(f'%"request": "{request}"%'))
    else:
        wanted = wanted.where(table.value.like(_ANSWERING), table.value.not_like(_NOTHING))
    found: Mapping[Any, RecordFact] = {
        name: parse(RecordFact, value, name) for name, value in reader.connection.execute(wanted)
    }
    return {str(name): one.request for name, one in found.items() if one.request and one.status in OPEN}


def forget(reader: Reader, before_s: int) -> None:
    """Leases that began before, and that nobody holds."""
    table = tables.leases.c
    reader.connection.execute(delete(tables.leases).where(table.began_s < before_s, table.until_s < before_s))


def _read(reader: Reader, condition: Any) -> list[Held]:
    table = tables.leases.c
    wanted = select(table.request, table.operator, table.lease, table.began_s, table.until_s, table.taken)
    rows = reader.connection.execute(wanted.where(condition).order_by(table.request, table.operator))
    return [Held(str(a), str(b), str(c), int(d), int(e), int(f)) for a, b, c, d, e, f in rows]
