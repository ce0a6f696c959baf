"""Records that a reader leaves out: a temporary view in the place of the table `records`, and what may have to be left out."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Select, and_, select, text

from harness.registry.db import tables
from harness.registry.db.reader import Reader, chunks
from harness.registry.facts import RecordFact

_OUT = ("withdrawn", "rejected", "dropped")


def counting(reader: Reader, rows: Collection[str] | None) -> Iterator[tuple[Any, ...]]:
    """Every record that may count, or those of these rows: what the table says of it (its `records.NAMES`), and last the log's
    fact of it as stored, or None. Plain tuples, for there may be a million.
    """
    table, facts = tables.records, tables.facts
    joined = table.outerjoin(facts, and_(facts.c.kind == RecordFact.KIND, facts.c.name == table.c.id))
    wanted: Select[Any] = select(*table.c, facts.c.value).select_from(joined).where(table.c.status.not_in(_OUT))
    parts = [wanted] if rows is None else [wanted.where(table.c.row.in_(some)) for some in chunks(rows)]
    for part in parts:
        yield from map(tuple, reader.connection.execute(part))


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
