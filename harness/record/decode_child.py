"""What a child does that decodes foreign Parquet files: one request after the other, until one is refused or large.

Arrow aborts on some malformed files, and a small file can ask for gigabytes: here that ends this process and no other. A request
is a random name (16 bytes), its length (8, big-endian) and the file; the answer is the same name, its length (8), the length of a
JSON head (8), the head, and the numbers of the columns as the machine holds them, in the order in which the head names them.
"""

from __future__ import annotations

import json
import os
import socket
import struct
from collections.abc import Callable
from functools import partial
from typing import Any

NAME_BYTES = 16
SMALL = 32 << 10  # bytes that cost less to copy than to write in parts
ROWS_LIMIT = 20_000
VALUES_LIMIT = (
    3_000_000  # entries of all columns' pages: one that repeats takes no room in the file, and eight bytes here
)
PAGE_BYTES_LIMIT = 64 << 20
TEXT_BYTES_LIMIT = 16 << 20
FOOTER_LIMIT = 1 << 20
ROOM_BYTES = 256 << 20  # of address space, beyond what the started process has


def loaded() -> Callable[[socket.socket], None]:
    """The work of a child, with all that it needs loaded."""
    import pyarrow.parquet  # noqa: F401

    from harness.record import parquet_pages  # noqa: F401
    from harness.record.samples import schema

    expected = schema()
    return partial(work, decode=partial(columns, expected=expected))


def work(own: socket.socket, decode: Callable[[bytearray], tuple[dict[str, Any], list[Any]]]) -> None:
    """Answer requests until the input ends, or one is refused: who met a file that is false reads no other."""
    confine()
    while len(head := _read(own, NAME_BYTES + 8)) == NAME_BYTES + 8:
        data = _read(own, struct.unpack(">Q", head[NAME_BYTES:])[0])
        try:
            told, parts = decode(data)
        except MemoryError:
            told, parts = {"error": "needs more memory than samples may take"}, []
        except Exception as error:  # whatever the decoder meets is the file's
            told, parts = {"error": str(error) or type(error).__name__}, []
        _answer(own, head[:NAME_BYTES], told, parts)
        if "error" in told:
            return


def confine() -> None:
    """Never more memory than `ROOM_BYTES` from here on, and no core file."""
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        with open("/proc/self/statm") as file:  # noqa: PTH123
            used = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (used + ROOM_BYTES, used + ROOM_BYTES))
    except (ImportError, OSError, ValueError):
        return  # not on this system: the limits by the pages' headers hold anyway


def columns(data: bytes | bytearray, expected: Any) -> tuple[dict[str, Any], list[Any]]:
    """The head and the numbers. Raises what Arrow raises, and `ValueError` for a file over the limits."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    file = pq.ParquetFile(pa.BufferReader(data), pre_buffer=False)
    if not file.schema_arrow.equals(expected):
        return {"error": "its columns are not those of samples", "whole": True}, []
    rows = _sized(data, file.metadata)
    # One thread: what the interpreter ends with must not be held by another.
    table = file.read(use_threads=False)
    if table.num_rows != rows:
        raise ValueError("its footer and its pages differ in rows")
    parts: list[Any] = []
    head = [[name, *_column(pa, table.column(name), parts)] for name in table.column_names]
    return {"columns": head}, parts


def _sized(data: bytes | bytearray, metadata: Any) -> int:
    """The rows. Raises `ValueError` where the pages' headers exceed a limit, or are not what the footer says."""
    from harness.record.parquet_pages import measure

    values = page_bytes = text_bytes = rows = 0
    if metadata.num_row_groups > 100:
        raise ValueError("it has more than 100 row groups")
    for i in range(metadata.num_row_groups):
        group = metadata.row_group(i)
        rows += group.num_rows
        for j in range(group.num_columns):
            chunk = group.column(j)
            if chunk.num_values == group.num_rows == 0:  # the decoder opens no page of it
                continue
            start = chunk.data_page_offset
            if chunk.has_dictionary_page and 0 < chunk.dictionary_page_offset < start:
                start = chunk.dictionary_page_offset
            own = measure(data, start, chunk.total_compressed_size)
            values += own.values
            page_bytes += own.page_bytes
            if chunk.physical_type == "BYTE_ARRAY":
                text_bytes += own.text_bytes
            if own.values != chunk.num_values or (own.values != group.num_rows and "." not in chunk.path_in_schema):
                raise ValueError("its footer says another count than its pages")
    over = (
        f"{rows} rows" if max(rows, metadata.num_rows) > ROWS_LIMIT
        else f"{values} values" if values > VALUES_LIMIT
        else f"{page_bytes} bytes" if page_bytes > PAGE_BYTES_LIMIT
        else f"texts of {text_bytes} bytes" if text_bytes > TEXT_BYTES_LIMIT
        else ""
    )  # fmt: skip
    if over:
        raise ValueError(f"its pages hold {over}, over the limits")
    return rows


def _column(pa: Any, column: Any, parts: list[Any]) -> list[Any]:
    """How a column stands in the head: its kind, and its values where they are no numbers."""
    values = column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()
    if isinstance(values, pa.ChunkedArray):  # of no chunk at all
        return ["values", []]
    kind = str(values.type)
    if values.null_count or kind == "string":
        return ["values", values.to_pylist()]
    if kind in ("int32", "int64"):
        parts.append(_numbers(values))
        return [kind, len(values)]
    pairs = kind.startswith("map")
    inner = values.items if pairs else values.values
    if inner.null_count:
        return ["values", values.to_pylist()]
    parts += [_numbers(values.offsets), _numbers(inner)]
    return ["pairs", len(values), values.keys.to_pylist()] if pairs else ["lists", len(values), len(inner)]


def _numbers(values: Any) -> Any:
    """The bytes of an array without nulls."""
    width = values.type.bit_width // 8
    data = values.buffers()[1]
    return b"" if data is None else memoryview(data)[values.offset * width : (values.offset + len(values)) * width]


def _answer(own: socket.socket, name: bytes | bytearray, told: dict[str, Any], parts: list[Any]) -> None:
    head = json.dumps(told).encode()
    size = 8 + len(head) + sum(map(len, parts))
    start = b"".join((name, struct.pack(">QQ", size, len(head)), head))
    if size < SMALL:  # one write is cheaper than many
        own.sendall(start + b"".join(parts))
        return
    for part in (start, *parts):  # a copy of all of them would take as much memory again
        own.sendall(part)


def _read(own: socket.socket, count: int) -> bytearray:
    """So many bytes, or fewer where the input ends."""
    found, at = bytearray(count), 0
    with memoryview(found) as view:
        while at < count and (got := own.recv_into(view[at:])):
            at += got
    del found[at:]
    return found
