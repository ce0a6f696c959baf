"""The JSON that a database keeps of a fact: its fields in order, nothing else. Read strictly: anybody may have written it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from enum import StrEnum
from functools import lru_cache
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, TypeVar, Union, get_args, get_origin, get_type_hints

from harness.errors import RecordInvalid, one_line
from harness.registry.facts import Evidence, F, Fact

_LARGEST = 2**53 - 1  # of any number in an event
T = TypeVar("T")
_LEAVES = frozenset((str, int, bool, NoneType))


def parse(kind: type[F], text: object, name: object) -> F:
    """The stored fact of that name. Raises `RecordInvalid`, naming it, for whatever no rule of this version writes."""
    try:
        if not (isinstance(text, str) and isinstance(name, str)):
            raise ValueError("must be text")
        made: F = _read(kind, _json(text))
        return made
    except (ValueError, RecursionError) as error:
        raise RecordInvalid(
            one_line(f"the database's fact of it {error}", 200),
            where=one_line(f"{kind.KIND} {str(name)[:24]}".strip()),
            fix="run: repro audit; if the log holds, repro registry rebuild makes the facts again",
        ) from error


def made_of(kind: type[F], value: object, name: str) -> F:
    """A fact as another machine tells it (`dump`); fields that this version does not know are left. Raises `RecordInvalid`."""
    own: Any = kind
    known = {one.name for one in _fields(own)}
    told = {field: one for field, one in value.items() if field in known} if isinstance(value, dict) else value
    try:
        made: F = _read(kind, told)
        return made
    except (ValueError, RecursionError) as error:
        raise RecordInvalid(
            one_line(f"what the registry tells of it {error}", 200),
            where=one_line(f"{kind.KIND} {name[:24]}".strip()),
            fix="update repro-harness, or check the address",
        ) from error


def read_as(kind: type[T], value: object, where: str) -> T:
    """A plain value as another machine tells it; members that this version does not know are left. Raises `RecordInvalid`."""
    try:
        made: T = _read(kind, _pruned(kind, value))
        return made
    except (ValueError, RecursionError) as error:
        raise RecordInvalid(
            one_line(f"what the registry tells {error}", 200),
            where=where,
            fix="update repro-harness, or check the address",
        ) from error


def _pruned(hint: Any, value: Any) -> Any:
    """Without the members that no field of the type, or of those in it, has."""
    inner = get_args(hint)
    if is_dataclass(hint) and isinstance(value, dict):
        hints = get_type_hints(hint)
        return {one.name: _pruned(hints[one.name], value[one.name]) for one in fields(hint) if one.name in value}
    if get_origin(hint) is tuple and isinstance(value, list | tuple):
        return [_pruned(inner[0], one) for one in value]
    if get_origin(hint) in (Union, UnionType):
        return value if value is None else _pruned(next(one for one in inner if one is not NoneType), value)
    return value


def same(text: object, fact: Fact) -> bool:
    """Whether a stored text says just that: the same values of the same types, in whatever order."""
    if text == stored(fact):
        return True
    try:
        return isinstance(text, str) and json.dumps(json.loads(text), sort_keys=True) == json.dumps(
            dump(fact), sort_keys=True
        )
    except (ValueError, RecursionError):
        return False


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ValueError(f"is not JSON: {error}") from error


def stored(fact: Fact) -> str:
    """As the database keeps it."""
    return json.dumps(dump(fact))


def dump(fact: Fact | Evidence) -> dict[str, Any]:
    """As JSON has it."""
    found: dict[str, Any] = _plain(fact)
    return found


class _Field(NamedTuple):
    name: str
    types: frozenset[type]  # that JSON may have there
    read: Callable[[Any], Any] | None  # makes the field's value of that; raises `ValueError`
    default: object  # `MISSING`: it must be there


@lru_cache(maxsize=64)
def _fields(kind: Any) -> tuple[_Field, ...]:
    hints = get_type_hints(kind, include_extras=True)
    return tuple(_field(one.name, hints[one.name], one.default) for one in fields(kind))


def _field(name: str, hint: Any, default: object = MISSING) -> _Field:
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _Field(name, frozenset((str,)), _checked(name, *inner[1:]), default)
    if origin in (Union, UnionType):  # with None
        some = _field(name, next(one for one in inner if one is not NoneType))
        read = some.read
        return _Field(
            name,
            some.types | {NoneType},
            None if read is None else lambda value: None if value is None else read(value),
            default,
        )
    if origin is tuple:
        item = _field(f"{name}[]", inner[0])
        return _Field(name, frozenset((list,)), lambda values: tuple([_value(item, one) for one in values]), default)
    if origin is not None:  # Mapping
        item = _field(f"{name}{{}}", inner[1])
        return _Field(
            name, frozenset((dict,)), lambda values: {own: _value(item, one) for own, one in values.items()}, default
        )
    if is_dataclass(hint):
        return _Field(name, frozenset((dict,)), lambda value: _read(hint, value), default)
    if hint is int:
        return _Field(name, frozenset((int,)), _count(name), default)
    if issubclass(hint, StrEnum):
        return _Field(name, frozenset((str,)), _word(name, hint), default)
    return _Field(name, frozenset((hint,)), None, default)


def _checked(name: str, good: Callable[[str], object], what: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        if not good(value):
            raise ValueError(f"has the {name} {value[:40]!r}: it must be {what}")
        return value

    return read


def _count(name: str) -> Callable[[int], int]:
    def read(value: int) -> int:
        if not 0 <= value <= _LARGEST:
            raise ValueError(f"has a {name} out of range: it must be from 0 to 2^53 - 1")
        return value

    return read


def _word(name: str, kind: type[StrEnum]) -> Callable[[str], StrEnum]:
    known = {one.value: one for one in kind}

    def read(value: str) -> StrEnum:
        if value not in known:
            raise ValueError(f"has the {name} {value[:40]!r}: it must be one of {', '.join(known)}")
        return known[value]

    return read


def _value(field: _Field, value: Any) -> Any:
    if type(value) not in field.types:
        what = f"lacks {field.name}" if value is MISSING else f"has a {field.name} of type {type(value).__name__}"
        raise ValueError(what)
    return value if field.read is None else field.read(value)


def _read(kind: Any, value: Any) -> Any:
    if type(value) is not dict:
        raise ValueError("must be an object")
    found: list[Any] = []
    own, given = _fields(kind), 0
    for field in own:
        name, types, read, default = field
        if name not in value and default is not MISSING:
            found.append(default)
            continue
        one = value.get(name, MISSING)
        if type(one) not in types:
            _value(field, one)
        found.append(one if read is None else read(one))
        given += name in value
    if given < len(value):
        odd = min(value.keys() - {field.name for field in own})
        raise ValueError(f"has {odd[:40]!r}, which is not one of its fields")
    return kind(*found)


def _plain(value: Any) -> Any:
    kind: Any = type(value)
    if kind in _LEAVES:
        return value
    if kind is tuple:
        return [_plain(one) for one in value]
    if kind is dict:
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, StrEnum):
        return value.value
    found = {}
    for name, _, _, default in _fields(kind):
        one = getattr(value, name)
        if default is MISSING or one != default:
            found[name] = one if type(one) in _LEAVES else _plain(one)
    return found
