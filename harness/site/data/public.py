"""What is public of a registry, and of whom: asked once a build, told to every page. Nothing of a record that no editor accepted,
not even its operator's handle.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, case, func, select

from harness.registry.db import tables
from harness.registry.db.reader import Reader, chunks
from harness.registry.queries import rows

OWN, HUB = tables.records.alias("own"), tables.records.alias("registry")


def public(*columns: Any) -> Select[Any]:
    """These columns of every public record (`OWN`) beside its row's (`HUB`): an editor accepted both."""
    return _both(*columns).where(OWN.c.status == "accepted", HUB.c.status == "accepted")


def public_few(*columns: Any) -> Select[Any]:
    """As `public`, for a question that names records, rows or rigs: SQLite, which does not know that nearly all are accepted,
    would begin with those, were their index not put out of its sight.
    """
    return _both(*columns).where(OWN.c.status.concat("") == "accepted", HUB.c.status.concat("") == "accepted")


def public_of(handles: Collection[str], *columns: Any) -> Select[Any]:
    """As `public`, of these operators alone, no more than one question may name: by their rigs, as there is no index of
    operators.
    """
    rigs = select(tables.rigs.c.rig).where(tables.rigs.c.operator.in_(handles))
    return public_few(*columns).where(OWN.c.rig.in_(rigs), OWN.c.operator.in_(handles))


def _both(*columns: Any) -> Select[Any]:
    return select(*columns).select_from(OWN.join(HUB, and_(HUB.c.row == OWN.c.row, HUB.c.id == OWN.c.row)))


class Tally(NamedTuple):
    """Of an operator's public records. `reproductions` are of other operators' rows; `rigs` are machines."""

    records: int
    rows: int
    reproductions: int
    rigs: int


@dataclass(frozen=True, slots=True)
class Ground:
    """What the making of rows asks of a registry's state."""

    rows: frozenset[str]  # whose own record is accepted
    facts: Mapping[str, Mapping[str, Any]]  # of every operator, by handle, in order
    persons: Mapping[str, str]  # operator → person

    @property
    def verified(self) -> frozenset[str]:
        """Operators of whom an editor found that the hardware is theirs."""
        return frozenset(handle for handle, fact in self.facts.items() if fact["verified"])


@dataclass(frozen=True, slots=True)
class Public:
    """What the other pages ask."""

    rows: frozenset[str]
    operators: Mapping[str, Mapping[str, Any]]  # the facts of everybody who has a page, by handle, in order
    tallies: Mapping[str, Tally]  # of who has a public record: the others with a page are verified
    persons: Mapping[str, str]

    @property
    def records(self) -> int:
        """How many there are."""
        return sum(one.records for one in self.tallies.values())


def ground(reader: Reader) -> Ground:
    """Of the whole registry."""
    table = tables.records.c
    wanted = select(table.id).where(table.row == table.id, table.status == "accepted")
    found = frozenset(reader.connection.execute(wanted).scalars())
    facts = dict(sorted(reader.all("operator").items()))  # as here, not as the database sorts
    return Ground(found, facts, rows.people(reader))


def standing(known: Ground, tallies: Mapping[str, Tally]) -> Public:
    """Of everybody with a public record, and of whom an editor verified."""
    shown = tallies.keys() | known.verified
    operators = {handle: fact for handle, fact in known.facts.items() if handle in shown}
    return Public(known.rows, operators, tallies, known.persons)


def tallied(reader: Reader, known: Mapping[str, Tally], handles: Iterable[str] | None) -> dict[str, Tally]:
    """Of each operator with a public record; only those of `handles` are counted again. None: all of them."""
    opened = func.sum(case((OWN.c.id == OWN.c.row, 1), else_=0))
    others = func.sum(case((OWN.c.operator != HUB.c.operator, 1), else_=0))
    numbers = (func.count(), opened, others, func.count(func.distinct(OWN.c.rig)))
    columns = (OWN.c.operator, *numbers)
    if handles is None:
        found, parts = {}, [public(*columns)]
    else:
        chosen = set(handles)
        found = {handle: one for handle, one in known.items() if handle not in chosen}
        parts = [public_of(some, *columns) for some in chunks(chosen)]
    for part in parts:
        counted = reader.connection.execute(part.group_by(OWN.c.operator))
        found |= {handle: Tally(*map(int, values)) for handle, *values in counted}
    return dict(sorted(found.items()))
