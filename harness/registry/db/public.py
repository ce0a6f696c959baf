"""What is public of a registry's records: those that an editor accepted, in rows whose own record is accepted."""

from __future__ import annotations

import marshal
from collections.abc import Collection, Iterable, Iterator, Sequence
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, case, func, select

from harness.registry.db import tables
from harness.registry.db.columns import COLUMNS
from harness.registry.db.reader import CHUNK, Reader, chunks
from harness.registry.facts import RecordFact

_OWN, _HUB = tables.records.alias("own"), tables.records.alias("hub")
_VERSIONED = (*(_OWN.c[name] for name in COLUMNS), _OWN.c.model_name, _OWN.c.versions, _OWN.c.idx)
_PAIRED = (_OWN.c.operator, _OWN.c.model_name, *(table.c[name] for table in (_OWN, _HUB) for name in COLUMNS))


class Tallied(NamedTuple):
    """How much is an operator's. `reproductions` are of other operators' rows; `rigs` are machines."""

    operator: str
    records: int
    rows: int
    reproductions: int
    rigs: int


class Versioned(NamedTuple):
    """A record: its `COLUMNS` (see `columns.measurement`), its model's name, its versions as JSON, the entry that took it."""

    values: tuple[Any, ...]
    model_name: str
    versions: str
    entry: int


class Paired(NamedTuple):
    """A record beside its row's own: their `COLUMNS`."""

    operator: str
    model_name: str
    own: tuple[Any, ...]
    hub: tuple[Any, ...]


class Home(NamedTuple):
    """A record and its row."""

    record: str
    row: str


def _public(*columns: Any) -> Select[Any]:
    """These columns of every public record (`_OWN`) beside its row's (`_HUB`): an editor accepted both."""
    return _both(*columns).where(_OWN.c.status == "accepted", _HUB.c.status == "accepted")


def _few(*columns: Any) -> Select[Any]:
    """As `_public`, for a question that names records, rows or rigs: SQLite, which does not know that nearly all are accepted,
    would begin with those, were their index not put out of its sight.
    """
    return _both(*columns).where(_OWN.c.status.concat("") == "accepted", _HUB.c.status.concat("") == "accepted")


def _of(operators: Collection[str], *columns: Any) -> Select[Any]:
    """As `_public`, of these operators alone, no more than one question may name: by their rigs, as there is no index of
    operators.
    """
    rigs = select(tables.rigs.c.rig).where(tables.rigs.c.operator.in_(operators))
    return _few(*columns).where(_OWN.c.rig.in_(rigs), _OWN.c.operator.in_(operators))


def _both(*columns: Any) -> Select[Any]:
    return select(*columns).select_from(_OWN.join(_HUB, and_(_HUB.c.row == _OWN.c.row, _HUB.c.id == _OWN.c.row)))


def rows(reader: Reader) -> frozenset[str]:
    """Rows whose own record is accepted."""
    table = tables.records.c
    wanted = select(table.id).where(table.row == table.id, table.status == "accepted")
    return frozenset(reader.connection.execute(wanted).scalars())


def tallies(reader: Reader, operators: Iterable[str] | None) -> Iterator[Tallied]:
    """Of every operator with a public record, or of these."""
    opened = func.sum(case((_OWN.c.id == _OWN.c.row, 1), else_=0))
    others = func.sum(case((_OWN.c.operator != _HUB.c.operator, 1), else_=0))
    columns = (_OWN.c.operator, func.count(), opened, others, func.count(func.distinct(_OWN.c.rig)))
    parts = [_public(*columns)] if operators is None else [_of(some, *columns) for some in chunks(operators)]
    for part in parts:
        for operator, *numbers in reader.connection.execute(part.group_by(_OWN.c.operator)):
            yield Tallied(operator, *map(int, numbers))


def digests(reader: Reader) -> dict[str, str]:
    """Row → a digest of all that the table and the log's facts say of its accepted records, as stored: a change that no entry of
    the log tells of shows in it.
    """
    facts, table = tables.facts, tables.records
    joined = table.outerjoin(facts, and_(facts.c.kind == RecordFact.KIND, facts.c.name == table.c.id))
    wanted = (
        select(table.c.row, *table.c, facts.c.value).select_from(joined).where(table.c.status.concat("") == "accepted")
    )
    result = reader.connection.execute(wanted.order_by(table.c.row, table.c.id))
    # Plain tuples where the driver gives them: SQLAlchemy's rows cost as much again as reading them.
    stored = iter(result.cursor.fetchone, None) if result.cursor is not None else iter(())
    found = {str(row): _digest(own) for row, own in groupby(stored, key=itemgetter(0))}
    result.close()
    return found


def _digest(lines: Iterable[tuple[Any, ...]]) -> str:
    # Version 2 writes equal values as equal bytes, in a fifth of the time that `repr` takes.
    return sha256(b"".join(marshal.dumps(tuple(line), 2) for line in lines)).hexdigest()[:32]


def lines(reader: Reader, names: Sequence[str], of_rows: Collection[str] | None) -> list[tuple[Any, ...]]:
    """These columns of the table `records` of every public record, or of those of these rows; in no order."""
    columns = [_OWN.c[name] for name in names]
    few = _few(*columns)
    parts = [_public(*columns)] if of_rows is None else [few.where(_OWN.c.row.in_(some)) for some in chunks(of_rows)]
    found: list[tuple[Any, ...]] = []
    for part in parts:
        result = reader.connection.execute(part)
        # Plain tuples where the driver gives them: SQLAlchemy's rows cost as much again as reading them.
        found += [tuple(line) for line in (result.cursor.fetchall() if result.cursor is not None else ())]
    return found


def homes(reader: Reader, records: Iterable[str]) -> Iterator[Home]:
    """The rows of those of these records that are public."""
    for some in chunks(records):
        wanted = _few(_OWN.c.id, _OWN.c.row).where(_OWN.c.id.in_(some))
        for record, row in reader.connection.execute(wanted):
            yield Home(record, row)


def before(reader: Reader, operator: str, entry: int) -> Iterator[Home]:
    """An operator's public records that the registry took before that entry."""
    for record, row in reader.connection.execute(_of([operator], _OWN.c.id, _OWN.c.row).where(_OWN.c.idx < entry)):
        yield Home(record, row)


def repeated(reader: Reader) -> Iterator[Versioned]:
    """Records of whom there are several of one operator, machine and subject."""
    machine = [_OWN.c[name] for name in ("operator", "rig", "sku", "model", "quantisation", "engine", "workload")]
    several = _public(*machine).group_by(*machine).having(func.count() > 1).subquery()
    yield from _versioned(reader, _public(*_VERSIONED).where(*(column == several.c[column.name] for column in machine)))


def named(reader: Reader, records: Iterable[str], rigs: Iterable[str]) -> Iterator[Versioned]:
    """These records, then those that were made with these machines; one may come twice."""
    for column, wanted in ((_OWN.c.id, records), (_OWN.c.rig, rigs)):
        for some in chunks(wanted):
            yield from _versioned(reader, _few(*_VERSIONED).where(column.in_(some)))


def _versioned(reader: Reader, wanted: Select[Any]) -> Iterator[Versioned]:
    for *values, name, versions, entry in reader.connection.execute(wanted):
        yield Versioned(tuple(values), name, versions, entry)


def paired(reader: Reader, operators: Collection[str]) -> Iterator[Paired]:
    """Of these operators, one operator after the other."""
    few = len(operators) <= CHUNK
    wanted = (_of(sorted(operators), *_PAIRED) if few else _public(*_PAIRED)).order_by(_OWN.c.operator)
    width = len(COLUMNS)
    for operator, name, *values in reader.connection.execute(wanted):
        if operator in operators:
            yield Paired(operator, name, tuple(values[:width]), tuple(values[width:]))
