"""Bytes of a record: RFC 8785 once, when it is made; afterwards the stored bytes are the truth and are read strictly.

Refused on reading: floats, NaN, duplicate keys, integers beyond 2^53, keys that are not ASCII, deep nesting, and text
that is not what RFC 8785 would have written.
"""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from harness.errors import RecordInvalid

SIZE_LIMIT = 16 << 20
DEPTH_LIMIT = 32
_SAFE_INTEGER = 2**53 - 1


def canonical(value: Any) -> bytes:
    """The RFC 8785 bytes of `value`. Raises `RecordInvalid` for a float or anything else that a record may not hold."""
    import rfc8785

    _check(value, "record", 0)
    try:
        return bytes(rfc8785.dumps(value))
    except rfc8785.CanonicalizationError as error:
        raise RecordInvalid(f"can't be written canonically ({error})", where="record") from error


def digest(payload: bytes) -> str:
    """A record's id: the sha256 of its payload, in hexadecimal."""
    return sha256(payload).hexdigest()


def parse(payload: bytes, where: str) -> Any:
    """The value of canonical bytes. Raises `RecordInvalid` with the reason."""
    if len(payload) > SIZE_LIMIT:
        raise RecordInvalid(f"has {len(payload)} bytes, the limit is {SIZE_LIMIT}", where=where)
    try:
        value = _QUICK.decode(payload.decode("utf-8"))
        same = _as_checked(value) == payload  # so no key stands twice: the value does not give it back
    except (ValueError, RecursionError):
        same = False
    if not same:
        return _strictly(payload, where)
    _check(value, where, 0)
    return value


def _strictly(payload: bytes, where: str) -> Any:
    """As `parse`, looking at each object and number on the way: slower, and says what is wrong."""
    try:
        value = json.loads(
            payload.decode("utf-8"),
            object_pairs_hook=_no_duplicates,
            parse_float=_refuse_number,
            parse_constant=_refuse_number,
        )
    except RecordInvalid as error:
        raise RecordInvalid(error.what, where=where, fix="it was not written by this harness") from None
    except (ValueError, RecursionError) as error:
        raise RecordInvalid(f"is not JSON ({error})", where=where, fix="it is damaged; take another copy") from error
    _check(value, where, 0)
    if _as_checked(value) != payload:
        raise RecordInvalid(
            "its bytes are not canonical (RFC 8785)", where=where, fix="it was edited; take the original"
        )
    return value


def _as_checked(value: Any) -> bytes:
    """What `canonical` gives for a value that passed `_check`, twenty times faster: with integers and ASCII keys alone, RFC 8785
    is sorted, compact JSON. A property test compares the two.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise RecordInvalid("a key stands twice in one object")
    return found


def _refuse_number(text: str) -> Any:
    raise RecordInvalid(f"holds {text[:24]}: a record has integers only")


def _no_number(text: str) -> Any:
    raise ValueError(text)


_QUICK = json.JSONDecoder(parse_float=_no_number, parse_constant=_no_number)


_LEAVES = frozenset((str, bool, type(None)))


def _check(value: Any, where: str, depth: int) -> None:
    kind = type(value)
    if kind in _LEAVES or (kind is int and -_SAFE_INTEGER <= value <= _SAFE_INTEGER):
        return
    if depth > DEPTH_LIMIT or (depth == DEPTH_LIMIT and isinstance(value, dict | list | tuple) and value):
        raise RecordInvalid(f"is nested deeper than {DEPTH_LIMIT}", where=where)
    if isinstance(value, dict):
        for key in value:
            if not isinstance(key, str) or not key.isascii():
                raise RecordInvalid(f"the key {key!r:.80} is not ASCII text", where=where)
        inner: Any = value.values()
    elif isinstance(value, list | tuple):
        inner = value
    elif isinstance(value, str | bool) or (isinstance(value, int) and abs(value) <= _SAFE_INTEGER):
        return
    else:
        raise RecordInvalid(f"{value!r:.24} is not an integer below 2^53", where=where)
    for item in inner:
        # Most of a record is leaves: a call for each would be half of the time.
        kind = type(item)
        if kind not in _LEAVES and not (kind is int and -_SAFE_INTEGER <= item <= _SAFE_INTEGER):
            _check(item, where, depth + 1)
