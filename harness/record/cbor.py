"""CBOR (RFC 8949) as far as authenticators write it: integers, byte strings, texts, lists, maps, true, false, null. Pure.

Strict as CTAP2 is: shortest heads, definite lengths, no name twice. Floats and tags are refused.
"""

from __future__ import annotations

from typing import Any

_DEPTH_LIMIT = 8
_SIMPLE = {20: False, 21: True, 22: None}


def item(data: bytes, at: int = 0) -> tuple[Any, int]:
    """The value that begins at `at`, and where it ends. Raises `ValueError` for anything else, data that is cut off included."""
    return _item(data, at, 0)


def whole(data: bytes) -> Any:
    """The one value in the bytes. Raises `ValueError`."""
    value, end = item(data)
    if end != len(data):
        raise ValueError("CBOR: goes on after its end")
    return value


def _item(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    if depth > _DEPTH_LIMIT:
        raise ValueError("CBOR: nested too deep")
    kind, number, at = _head(data, at)
    if kind in (0, 1):
        return (number if kind == 0 else -1 - number), at
    if kind in (2, 3):
        if number > len(data) - at:
            raise ValueError("CBOR: is cut off")
        found = data[at : at + number]
        return (found if kind == 2 else found.decode("utf-8")), at + number
    if kind in (4, 5):
        return _items(data, at, number, depth + 1) if kind == 4 else _members(data, at, number, depth + 1)
    if kind == 7 and number in _SIMPLE:
        return _SIMPLE[number], at
    raise ValueError("CBOR: a tag, a float or an unknown value")


def _head(data: bytes, at: int) -> tuple[int, int, int]:
    """Major type, argument, and where what follows begins."""
    if at >= len(data):
        raise ValueError("CBOR: is cut off")
    kind, short = data[at] >> 5, data[at] & 31
    if short < 24:
        return kind, short, at + 1
    if short > 27 or kind == 7:
        raise ValueError("CBOR: an indefinite length, a float or an unknown value")
    size = 1 << (short - 24)
    if at + 1 + size > len(data):
        raise ValueError("CBOR: is cut off")
    number = int.from_bytes(data[at + 1 : at + 1 + size], "big")
    if number < (24 if size == 1 else 1 << (size * 4)):
        raise ValueError("CBOR: a number that has a shorter form")
    return kind, number, at + 1 + size


def _items(data: bytes, at: int, count: int, depth: int) -> tuple[list[Any], int]:
    found = []
    for _ in range(count):  # each takes a byte at least: what claims more ends where the data does
        value, at = _item(data, at, depth)
        found.append(value)
    return found, at


def _members(data: bytes, at: int, count: int, depth: int) -> tuple[dict[Any, Any], int]:
    found: dict[Any, Any] = {}
    for _ in range(count):
        name, at = _item(data, at, depth)
        if not isinstance(name, int | str) or isinstance(name, bool) or name in found:
            raise ValueError("CBOR: a name must be an integer or a text, and stand once")
        found[name], at = _item(data, at, depth)
    return found, at
