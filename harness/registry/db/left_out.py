"""Records that a reader leaves out: a temporary view in the place of the table `records`, and what may have to be left out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from sqlalchemy import Select, and_, select, text

from harness.registry.db import tables
from harness.registry.db.reader import Reader, chunks

_OUT = ("withdrawn", "rejected", "dropped")


class Counting(NamedTuple):
    """A record that may count: what the table says of it (its `records.NAMES`), and the log's fact of it as stored."""

    values: tuple[Any, ...]
    fact: str | None


def counting(reader: Reader, rows: Collection[str] | None) -> Iterator[Counting]:
    """Every record that may count; of these rows, where they are given."""
    table, facts = tables.records, tables.facts
    joined = table.outerjoin(facts, and_(facts.c.kind == "record", facts.c.name == table.c.id))
    wanted: Select[Any] = select(*table.c, facts.c.value).select_from(joined).where(table.c.status.not_in(_OUT))
    parts = [wanted] if rows is None else [wanted.where(table.c.row.in_(some)) for some in chunks(rows)]
    for part in parts:
        for *values, fact in reader.connection.execute(part):
            yield Counting(tuple(values), fact)


@contextmanager
def without(reader: Reader, records: Collection[str]) -> Iterator[None]:
    """While the block runs, no question to the table `records` sees these: a temporary view stands in its place, for this
    connection alone.
    """
    connection, dialect = reader.connection, reader.connection.dialect.name
    if not records:
        yield
        return
    schema = "main" if dialect == "sqlite" else str(connection.execute(text("SELECT current_schema()")).scalar_one())
    connection.execute(text("CREATE TEMPORARY TABLE left_out (id VARCHAR(64) PRIMARY KEY)"))
    connection.execute(text("INSERT INTO left_out VALUES (:id)"), [{"id": one} for one in sorted(records)])
    kept = "WHERE id NOT IN (SELECT id FROM left_out)"
    connection.execute(text(f'CREATE TEMPORARY VIEW records AS SELECT * FROM "{schema}".records {kept}'))  # noqa: S608
    try:
        yield
    finally:
        if not connection.invalidated and connection.in_transaction():
            for one in ("VIEW records", "TABLE left_out"):
                prefix = "temp" if dialect == "sqlite" else "pg_temp"
                kind, name = one.split()
                connection.execute(text(f"DROP {kind} {prefix}.{name}"))
