"""Samples files that no writer makes: footers that lie, pages that repeat, statistics that do not fit."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness.record.samples import schema

COLUMNS = {
    "process": 0, "order": 0, "workload": "w", "purpose": "timed", "mode": "greedy", "prompt_tokens": 3, "output_tokens": 2,
    "start_ns": 5, "token_ns": [1, 2], "step_ns": [], "output_ids": [7, 8], "counters": [("cpu_ns", 4)], "engine": [],
    "invalid_reason": "",
}  # fmt: skip


def written(rows: int = 4, changes: dict[str, Any] | None = None, **options: Any) -> bytes:
    """A file of equal rows, with other values in some columns: of every row, or as a whole column in an Arrow array."""
    own = COLUMNS | (changes or {})
    columns = [
        v if isinstance(v, pa.Array) else pa.array([v] * rows, field.type)
        for field, v in zip(schema(), own.values(), strict=True)
    ]
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns, schema=schema()), sink, **({"compression": "zstd"} | options))
    return sink.getvalue().to_pybytes()


class Struct(dict[int, Any]):
    """A Thrift struct: field → (type, value)."""


def read(source: io.BytesIO) -> Struct:
    found, number = Struct(), 0
    while kind := source.read(1)[0]:
        number = number + (kind >> 4) if kind >> 4 else _zigzag(source)
        found[number] = (kind & 15, _value(source, kind & 15))
    return found


def to_bytes(value: Struct) -> bytes:
    out, last = b"", 0
    for number, (kind, one) in sorted(value.items()):
        step = number - last
        out += bytes([step << 4 | kind]) if 0 < step < 16 else bytes([kind]) + _varint(number << 1)
        out += _bytes(kind, one)
        last = number
    return out + b"\0"


def footer(data: bytes) -> tuple[Struct, int]:
    """The footer, and where it begins."""
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    return read(io.BytesIO(data[start:-8])), start


def chunk(found: Struct, column: int) -> Struct:
    """The metadata of a column in the first row group, to change in place."""
    return found[4][1][1][0][1][1][1][column][3][1]


def with_footer(data: bytes, found: Struct) -> bytes:
    """The pages as they are, under another footer."""
    text = to_bytes(found)
    return data[: footer(data)[1]] + text + len(text).to_bytes(4, "little") + b"PAR1"


def with_pages_repeated(data: bytes, column: int, times: int, told: int | None = None) -> bytes:
    """Lay the column's chunk again behind all others, its data page repeated; the footer tells of `told` values."""
    found, start = footer(data)
    own = chunk(found, column)
    begin, end = own[11][1], own[11][1] + own[7][1]
    dictionary, page = data[begin : own[9][1]], data[own[9][1] : end]
    moved = dictionary + page * times
    own[7] = (6, len(moved))
    own[9] = (6, start + len(dictionary))
    own[11] = (6, start)
    own[5] = (6, told if told is not None else own[5][1] * times)
    text = to_bytes(found)
    return data[:start] + moved + text + len(text).to_bytes(4, "little") + b"PAR1"


def aborting() -> bytes:
    """A file whose level histograms make Arrow's decoder abort its process."""
    data = written()
    found, _ = footer(data)
    chunk(found, 8)[16][1][2] = (9, (6, [1] * 9))
    return with_footer(data, found)


def _varint(value: int) -> bytes:
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def _unsigned(source: io.BytesIO) -> int:
    value = shift = 0
    while True:
        byte = source.read(1)[0]
        value |= (byte & 127) << shift
        if byte < 128:
            return value
        shift += 7


def _zigzag(source: io.BytesIO) -> int:
    value = _unsigned(source)
    return (value >> 1) ^ -(value & 1)


def _value(source: io.BytesIO, kind: int) -> Any:
    if kind in (1, 2):
        return None
    if kind == 3:
        return source.read(1)[0]
    if kind in (4, 5, 6):
        return _zigzag(source)
    if kind == 7:
        return source.read(8)
    if kind == 8:
        return source.read(_unsigned(source))
    if kind == 9:
        head = source.read(1)[0]
        size = head >> 4 if head >> 4 < 15 else _unsigned(source)
        own = head & 15
        return own, [source.read(1)[0] if own in (1, 2) else _value(source, own) for _ in range(size)]
    assert kind == 12, kind
    return read(source)


def _bytes(kind: int, value: Any) -> bytes:
    if kind in (1, 2):
        return b""
    if kind == 3:
        return bytes([value])
    if kind in (4, 5, 6):
        return _varint(value << 1 if value >= 0 else ((-value) << 1) - 1)
    if kind == 7:
        return value
    if kind == 8:
        return _varint(len(value)) + value
    if kind == 9:
        own, items = value
        head = bytes([len(items) << 4 | own]) if len(items) < 15 else bytes([15 << 4 | own]) + _varint(len(items))
        return head + b"".join(bytes([one]) if own in (1, 2) else _bytes(own, one) for one in items)
    return to_bytes(value)
