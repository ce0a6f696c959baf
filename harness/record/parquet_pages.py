"""How much a Parquet column decodes to, told from the headers of its own pages before any of them is decoded. Pure.

The footer's counts are somebody's word; a page's header is what the decoder goes by. Headers are Thrift in its compact form
(apache/parquet-format, src/main/thrift/parquet.thrift: PageHeader).
"""

from __future__ import annotations

from dataclasses import dataclass

_DATA_PAGE, _DICTIONARY_PAGE, _DATA_PAGE_V2 = 0, 2, 3
_PLACES = {_DATA_PAGE: 5, _DICTIONARY_PAGE: 7, _DATA_PAGE_V2: 8}  # of a page's own struct in its header
_PLAIN, _PLAIN_DICTIONARY, _RLE, _RLE_DICTIONARY = 0, 2, 3, 8
# What our writer uses. The delta encodings build long texts out of few bytes, and nobody needs them here.
_ENCODINGS = (_PLAIN, _PLAIN_DICTIONARY, _RLE, _RLE_DICTIONARY)
_DEEPEST = 8  # structs in structs; a page's header has three


@dataclass(frozen=True, slots=True)
class Column:
    """What the pages of one column chunk hold: entries of its data pages, nulls included; their bytes when decompressed; and the
    most bytes that its texts take when each stands for itself.
    """

    values: int
    page_bytes: int
    text_bytes: int


def measure(data: bytes | bytearray, start: int, length: int) -> Column:
    """Of the chunk in `data[start : start + length]`. Raises `ValueError` unless pages of known kinds fill it exactly."""
    end = start + length
    if not 0 <= start <= end <= len(data):
        raise ValueError("a column lies outside the file")
    values = page_bytes = text_bytes = dictionary = 0
    at = start
    while at < end:
        header, at = _struct(data, at, end, 0)
        kind, plain, packed = header.get(1), header.get(2), header.get(3)
        if not isinstance(plain, int) or not isinstance(packed, int) or plain < 0 or packed < 0:
            raise ValueError("a page has no proper size")
        page_bytes += plain
        inner = header.get(_PLACES.get(kind, 0)) if isinstance(kind, int) else None
        if not isinstance(inner, dict):
            raise ValueError("a page is of an unknown kind")
        count, encoding = inner.get(1), inner.get(4 if kind == _DATA_PAGE_V2 else 2)
        if not isinstance(count, int) or count < 0 or encoding not in _ENCODINGS:
            raise ValueError("a page has no proper count, or an encoding that samples do not use")
        if kind != _DICTIONARY_PAGE:
            values += count
            text_bytes += count * dictionary if encoding in (_PLAIN_DICTIONARY, _RLE_DICTIONARY) else plain
        else:
            dictionary = max(dictionary, plain)
        at += packed
    if at != end:
        raise ValueError("a page is longer than its column")
    return Column(values, page_bytes, text_bytes)


def _struct(data: bytes | bytearray, at: int, end: int, depth: int) -> tuple[dict[int, object], int]:
    """A Thrift struct's fields by number: integers and structs, everything else skipped; and where it ends."""
    if depth > _DEEPEST:
        raise ValueError("a page's header is nested too deeply")
    found: dict[int, object] = {}
    number = 0
    while at < end:
        byte = data[at]
        at += 1
        if byte == 0:
            return found, at
        kind = byte & 15
        if byte >> 4:
            number += byte >> 4
        else:
            number, at = _integer(data, at, end)
        if 4 <= kind <= 6:  # i16, i32, i64
            value = data[at] if at < end else 128
            if value < 128:  # most are of one byte
                at += 1
            else:
                value, at = _varint(data, at, end)
            found[number] = (value >> 1) ^ -(value & 1)
        elif kind == 12:
            found[number], at = _struct(data, at, end, depth + 1)
        elif kind == 8:  # bytes, as in statistics
            size, at = _varint(data, at, end)
            at += size
        elif kind == 3:
            at += 1
        elif kind == 7:
            at += 8
        elif kind not in (1, 2):  # a boolean lies in its kind; lists and maps have no place here
            raise ValueError("a page's header has an unknown field")
    raise ValueError("a page's header has no end")


def _integer(data: bytes | bytearray, at: int, end: int) -> tuple[int, int]:
    value, at = _varint(data, at, end)
    return (value >> 1) ^ -(value & 1), at


def _varint(data: bytes | bytearray, at: int, end: int) -> tuple[int, int]:
    value = shift = 0
    while at < end and shift < 64:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
    raise ValueError("a page's header holds a number without an end")
