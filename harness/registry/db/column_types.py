"""Whether SQLite's tables hold what their columns are declared for: it keeps a number where bytes belong, and says nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import Column, Float, Integer, LargeBinary, String, and_, case, func, literal, select

from harness.registry.db import tables
from harness.registry.db.reader import Reader

_STORED = (
    (LargeBinary, "blob", "bytes"),
    (Integer, "integer", "whole numbers"),
    (Float, "real", "numbers"),
    (String, "text", "texts"),
)


def wrong(reader: Reader) -> Iterator[tuple[str, str]]:
    """Where, what: columns with a value of another kind. PostgreSQL takes none."""
    if reader.connection.dialect.name != "sqlite":
        return
    for table in tables.metadata.sorted_tables:
        columns = list(table.columns)
        others = [func.sum(case((_other(column), 1), else_=0)) for column in columns]
        counts = reader.connection.execute(select(*others)).one()
        for column, count in zip(columns, counts, strict=True):
            if count:
                yield (
                    f"table {table.name}",
                    f"its column {column.name} must hold {_kind(column)[1]}; {count} of its values are others",
                )


def _kind(column: Column[Any]) -> tuple[str, str]:
    """What SQLite calls it, and its plural in words."""
    return next((stored, words) for kind, stored, words in _STORED if isinstance(column.type, kind))


def _other(column: Column[Any]) -> Any:
    differs = func.typeof(column) != literal(_kind(column)[0])
    return and_(differs, column.is_not(None)) if column.nullable else differs
