"""The whole hub as tables: Parquet and SQLite, one line a benchmark, one line a public record."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import Column

from harness.hub.reader import Reader
from harness.site.people import OWN, public
from harness.site.values import FIELDS, File, Summary, plain

RECORD_COLUMNS = (
    "id", "row", "idx", "operator", "rig", "model", "model_name", "quantisation", "engine", "workload", "sku", "generation",
    "os_family", "runtime_series", "measured", "medians", "missing", "failed", "versions", "samples_sha256",
)  # fmt: skip
Lines = Sequence[Sequence[Any]]


def records(reader: Reader) -> Lines:
    """Every public record, in the log's order, its `RECORD_COLUMNS`."""
    wanted: list[Column[Any]] = [OWN.c[name] for name in RECORD_COLUMNS]
    found = reader.connection.execute(public(*wanted).order_by(OWN.c.idx))
    # Plain tuples where the driver gives them: SQLAlchemy's rows cost as much again as reading them.
    return [tuple(line) for line in (found.cursor.fetchall() if found.cursor is not None else ())]


def files(rows: Sequence[Summary], listed: Lines) -> Iterator[File]:
    """Below `downloads/`; `rows` in the order of their ids, `listed` as `records` gives them."""
    flat = [tuple(", ".join(v) if isinstance(v, tuple) else v for v in plain(one).values()) for one in rows]
    yield "downloads/rows.parquet", _parquet(flat, FIELDS)
    yield "downloads/records.parquet", _parquet(listed, RECORD_COLUMNS)
    yield "downloads/hub.sqlite", _sqlite((("rows", FIELDS, flat), ("records", RECORD_COLUMNS, listed)))


def _parquet(lines: Lines, names: Sequence[str]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = list(zip(*lines, strict=True)) or [() for _ in names]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(dict(zip(names, map(list, columns), strict=True))), sink, compression="zstd")
    return bytes(sink.getvalue())


def _sqlite(tables: Sequence[tuple[str, Sequence[str], Lines]]) -> bytes:
    database = sqlite3.connect(":memory:")
    try:
        for table, names, lines in tables:
            columns = ", ".join(f'"{name}"' for name in names)
            database.execute(f"CREATE TABLE {table} ({columns})")
            marks = ", ".join("?" * len(names))
            database.executemany(f"INSERT INTO {table} VALUES ({marks})", lines)  # noqa: S608 - names of ours
        database.commit()
        return database.serialize()
    finally:
        database.close()
