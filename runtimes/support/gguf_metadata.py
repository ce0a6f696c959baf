"""The metadata of a GGUF, for adapters: read with limits, for it was written by those who convert models."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, BinaryIO

_MAGIC = b"GGUF"
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
_KEYS, _LENGTH, _ITEMS = 65_536, 16 << 20, 1 << 24


def metadata(file: BinaryIO, wanted: Callable[[str], bool]) -> tuple[dict[str, Any], int]:
    """The values whose keys are wanted, lists as lists, and the number of tensors that the file stands before afterwards.

    Raises `ValueError` where it is no GGUF, ends early, or goes beyond the limits.
    """
    if file.read(4) != _MAGIC:
        raise ValueError("no GGUF")
    version, tensors, keys = struct.unpack("<IQQ", exactly(file, 20))
    if version not in (2, 3) or keys > _KEYS:
        raise ValueError("no GGUF of version 2 or 3")
    found = {}
    for _ in range(keys):
        name = string(file)
        (kind,) = struct.unpack("<I", exactly(file, 4))
        value = _value(file, kind, keep=wanted(name))
        if wanted(name):
            found[name] = value
    return found, int(tensors)


def _value(file: BinaryIO, kind: int, *, keep: bool) -> Any:
    if kind == _STRING:
        return string(file)
    if kind == _ARRAY:
        inner, count = struct.unpack("<IQ", exactly(file, 12))
        if count > _ITEMS or inner == _ARRAY:
            raise ValueError("an array is too long")
        if inner == _STRING:
            items = [exactly(file, _length(file)) for _ in range(count)]
            return [item.decode() for item in items] if keep else None
        form = f"<{count}{_scalar(inner)}"
        raw = exactly(file, struct.calcsize(form))
        return list(struct.unpack(form, raw)) if keep else None
    return struct.unpack(f"<{_scalar(kind)}", exactly(file, struct.calcsize(f"<{_scalar(kind)}")))[0]


def _scalar(kind: int) -> str:
    if kind not in _SCALARS:
        raise ValueError("an unknown type")
    return _SCALARS[kind]


def string(file: BinaryIO) -> str:
    """A text, its length before it."""
    return exactly(file, _length(file)).decode()


def _length(file: BinaryIO) -> int:
    (length,) = struct.unpack("<Q", exactly(file, 8))
    if length > _LENGTH:
        raise ValueError("a text is too long")
    return int(length)


def exactly(file: BinaryIO, count: int) -> bytes:
    """So many bytes. Raises `ValueError` where the file ends before."""
    raw = file.read(count)
    if len(raw) != count:
        raise ValueError("it ends early")
    return raw
