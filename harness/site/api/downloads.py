"""The whole registry as tables: Parquet and SQLite, one line a benchmark, one line a public record.

A build that goes on takes the last build's files, leaves out the lines of rows that it made again, and puts theirs in. Each is
written in one order by one statement either way, so that its bytes say nothing of how it came about. The lines stay within SQLite
and Arrow: made from Python's values they cost ten times as much.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.record.columns import Type
from harness.registry.queries import Reader, public
from harness.registry.queries.columns import PUBLIC_RECORDS
from harness.registry.queries.public import Listing, sqlite_file
from harness.site.api.columns import ROWS as ROW_TABLE
from harness.site.api.listed import values
from harness.site.data.values import File, Summary

if TYPE_CHECKING:
    import pyarrow as pa

RECORD_COLUMNS = tuple(PUBLIC_RECORDS)  # of the database; the files have the names of the columns
RIG = RECORD_COLUMNS.index("rig")
DATABASE, ROWS, RECORDS = "downloads/registry.sqlite", "downloads/rows.parquet", "downloads/records.parquet"
# Columns, and the one that gives the order.
_TABLES = {"rows": (ROW_TABLE, "row"), "records": (tuple(PUBLIC_RECORDS.values()), "entry")}
Lines = Sequence[Sequence[Any]]


def records(reader: Reader, rows: Collection[str] | None = None) -> Lines:
    """Every public record, in the log's order, its `RECORD_COLUMNS`; of these rows alone, where they are given."""
    return sorted(public.lines(reader, RECORD_COLUMNS, rows), key=lambda line: int(line[2]))


def database(rows: Sequence[Summary], listed: Lines, last: Path | None, again: Collection[str]) -> Iterator[File]:
    """`downloads/registry.sqlite`. `rows` and `listed` (see `records`): all, or where there was a `last` build, in that folder,
    those that this one made again; `again`: them and those that are gone.
    """
    tables = [
        Listing(name, [column.name for column in columns], key, lines)
        for (name, (columns, key)), lines in zip(_TABLES.items(), (_flat(rows), listed), strict=True)
    ]
    yield DATABASE, sqlite_file(tables, _at(last, DATABASE), again)


def parquet(rows: Sequence[Summary], listed: Lines, last: Path | None, again: Collection[str]) -> Iterator[File]:
    """The two others below `downloads/`, from the same."""
    yield ROWS, _parquet("rows", _flat(rows), _at(last, ROWS), again)
    yield RECORDS, _parquet("records", listed, _at(last, RECORDS), again)


def _flat(rows: Sequence[Summary]) -> Lines:
    return [tuple(", ".join(v) if isinstance(v, tuple) else v for v in values(one)) for one in rows]


def _at(last: Path | None, path: str) -> Path | None:
    return None if last is None else last / path


def _parquet(name: str, lines: Lines, last: Path | None, again: Collection[str]) -> bytes:
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    columns, order = _TABLES[name]
    kinds = {Type.TEXT: pa.string(), Type.INTEGER: pa.int64(), Type.NUMBER: pa.float64(), Type.FLAG: pa.bool_()}
    schema = pa.schema([(column.name, kinds[column.type]) for column in columns])
    table = _arrow(lines, schema)
    if last is not None:
        # One thread, as samples are read: see record/samples.py.
        old = pq.ParquetFile(last, pre_buffer=False).read(use_threads=False)
        stays = old.filter(pc.invert(pc.is_in(old["row"], pa.array(sorted(again), pa.string()))))
        table = pa.concat_tables([pa.Table.from_arrays(stays.columns, schema=schema), table])
    sink = pa.BufferOutputStream()
    pq.write_table(table.sort_by(order).combine_chunks(), sink, compression="zstd")
    return bytes(sink.getvalue())


def _arrow(lines: Lines, schema: pa.Schema) -> pa.Table:
    """By way of JSON: from Python's lists, Arrow would load pandas, which takes longer than all the rest."""
    import pyarrow as pa
    from pyarrow import json as arrow_json

    if not lines:
        return schema.empty_table()
    text = "\n".join(json.dumps(dict(zip(schema.names, line, strict=True)), ensure_ascii=False) for line in lines)
    options = arrow_json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="error")
    reading = arrow_json.ReadOptions(use_threads=False, block_size=1 << 24)
    return arrow_json.read_json(pa.py_buffer(text.encode()), parse_options=options, read_options=reading)
