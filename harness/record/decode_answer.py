"""What a decoding child answered, taken only in the one shape that an answer has. Pure: bytes in, columns or a refusal out.

The child met foreign bytes; nothing that it says is believed beyond that shape.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NUMBERS = {"process", "order", "prompt_tokens", "output_tokens", "start_ns"}
_TEXTS = {"workload", "purpose", "mode", "invalid_reason"}
_LISTS = {"token_ns", "step_ns", "output_ids"}
_PAIRS = {"counters", "engine"}
_KINDS = (
    dict.fromkeys(_NUMBERS, ("int32", "int64", "values"))
    | dict.fromkeys(_TEXTS, ("values",))
    | dict.fromkeys(_LISTS, ("lists", "values"))
    | dict.fromkeys(_PAIRS, ("pairs", "values"))
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a file was not decoded; `whole`: in words that need nothing before them."""

    text: str
    whole: bool


def read(answer: memoryview) -> dict[str, list[Any]] | Refusal:
    """The columns by name, or why there are none. Raises `ValueError` for what is no answer."""
    start = 8 + int.from_bytes(answer[:8], "big")
    try:
        head = json.loads(bytes(answer[8:start]))
        if set(head) in ({"error"}, {"error", "whole"}) and isinstance(head["error"], str):
            return Refusal(head["error"], head.get("whole") is True)
        source = _Numbers(answer, start)
        found = {name: _column(name, kind, rest, source) for name, kind, *rest in head["columns"]}
        if len(head["columns"]) != len(_KINDS) or set(found) != set(_KINDS) or source.at != len(answer):
            raise ValueError("it does not hold the columns of samples, or more than these")
        if len({len(values) for values in found.values()}) != 1:
            raise ValueError("its columns differ in length")
        return found
    except (TypeError, LookupError, OverflowError, RecursionError, AttributeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


class _Numbers:
    """The numbers of an answer, one array after the other."""

    def __init__(self, data: memoryview, at: int) -> None:
        self.data, self.at = data, at

    def take(self, count: Any, kind: type[np.signedinteger[Any]]) -> NDArray[Any]:
        if type(count) is not int or not 0 <= count <= len(self.data):
            raise ValueError("a count must be a whole number, and of what is there")
        if count == 0:  # numpy takes no empty part of an empty rest
            return np.zeros(0, kind)
        found = np.frombuffer(self.data, kind, count, self.at)
        self.at += found.nbytes
        return found


def _column(name: str, kind: str, rest: list[Any], source: _Numbers) -> list[Any]:
    if kind not in _KINDS[name]:
        raise ValueError(f"{name} is of another kind")
    if kind == "values":
        (values,) = rest
        return [_value(name, value) for value in values]
    count = rest[0]
    if kind in ("int32", "int64"):
        return list(source.take(count, np.int32 if kind == "int32" else np.int64).tolist())
    edges = source.take(count + 1, np.int32)
    inner = source.take(rest[1] if kind == "lists" else len(rest[1]), np.int64)
    if edges[0] < 0 or edges[-1] > len(inner) or (np.diff(edges) < 0).any():
        raise ValueError(f"{name} has parts that do not follow each other")
    ends = edges.tolist()
    if kind == "lists":
        return [inner[start:end] for start, end in pairwise(ends)]
    if not all(isinstance(key, str) for key in rest[1]):
        raise ValueError(f"{name} has a key that is not a text")
    pairs = list(zip(rest[1], inner.tolist(), strict=True))
    return [pairs[start:end] for start, end in pairwise(ends)]


def _value(name: str, value: Any) -> Any:
    """A value as Parquet could have held it: null, or of the column's own type, whose parts may be null."""
    if value is None:
        return None
    if name in _LISTS and isinstance(value, list) and all(one is None or type(one) is int for one in value):
        return value
    if name in _PAIRS and isinstance(value, list):
        pairs = [tuple(pair) for pair in value]
        if all(len(p) == 2 and isinstance(p[0], str) and (p[1] is None or type(p[1]) is int) for p in pairs):
            return pairs
    if type(value) is (int if name in _NUMBERS else str if name in _TEXTS else None):
        return value
    raise ValueError(f"{name} has a value of another type")
