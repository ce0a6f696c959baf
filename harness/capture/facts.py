"""A fact: a value that was read, or the reason why there is none. Never a guess, never a float."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, Generic, Never, TypeVar

T_co = TypeVar("T_co", covariant=True)
T = TypeVar("T")
U = TypeVar("U")

Plain = None | bool | int | str | list["Plain"] | dict[str, "Plain"]

LARGEST = 2**53 - 1  # RFC 8785 refuses integers beyond it
UNLISTED: Mapping[str, bool] = {"listed": False}  # metadata of a field that serves a computation and stays out of JSON


@dataclass(frozen=True, slots=True)
class Fact(Generic[T_co]):
    """`value`, or None and the `reason` why it is not known: exactly one of the two is set."""

    value: T_co | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if (self.value is None) != bool(self.reason):
            raise ValueError("a fact has a value or a reason, not both and not neither")

    def __bool__(self) -> bool:
        raise TypeError("ask for .known or .value: a fact that holds 0 or False is not an unknown one")

    @property
    def known(self) -> bool:
        """Whether there is a value."""
        return self.value is not None

    def then(self, parse: Callable[[T_co], U | None], otherwise: str) -> Fact[U]:
        """The parsed value; `otherwise` is the reason where `parse` finds none."""
        if self.value is None:
            return Fact(reason=self.reason)
        found = parse(self.value)
        return Fact(reason=otherwise) if found is None else Fact(found)


def known(value: T) -> Fact[T]:
    """A fact with a value."""
    return Fact(value)


def unknown(reason: str) -> Fact[Never]:
    """A fact without a value."""
    return Fact(reason=reason)


def maybe(value: T | None, otherwise: str) -> Fact[T]:
    """`value`, or unknown for the reason `otherwise` where it is None."""
    return Fact(reason=otherwise) if value is None else Fact(value)


def first_known(*facts: Fact[T]) -> Fact[T]:
    """The first fact with a value; where none has one, all their reasons."""
    for fact in facts:
        if fact.known:
            return fact
    return Fact(reason="; ".join(dict.fromkeys(fact.reason for fact in facts)))


def whole(text: str, base: int = 10) -> int | None:
    """The integer that `text` spells, if it spells one that JSON can carry."""
    try:
        value = int(text.strip(), base)
    except ValueError:
        return None
    return value if abs(value) <= LARGEST else None


def scaled(text: str, digits: int) -> int | None:
    """A plain decimal such as "0.27" times 10**digits, exactly, further digits cut off. Never goes through a float."""
    head, _, tail = text.strip().partition(".")
    if not (head.isascii() and head.isdigit()) or (tail and not (tail.isascii() and tail.isdigit())):
        return None
    return whole(head + tail[:digits].ljust(digits, "0"))


def to_plain(thing: Any) -> Plain:
    """`thing` as JSON can hold it. A fact becomes {"value": v}, or {"value": null, "reason": "…"} where unknown."""
    if thing is None or isinstance(thing, bool | str):
        return str(thing.value) if isinstance(thing, Enum) else thing
    if isinstance(thing, int):
        if abs(thing) > LARGEST:
            raise ValueError(f"{thing} is beyond the integers that RFC 8785 allows")
        return int(thing)
    if isinstance(thing, Fact):
        return {"value": to_plain(thing.value)} if thing.known else {"value": None, "reason": thing.reason}
    if is_dataclass(thing):
        listed = [f.name for f in fields(thing) if f.metadata.get("listed", True)]
        return {name: to_plain(getattr(thing, name)) for name in listed}
    if isinstance(thing, Mapping):
        return {str(key): to_plain(value) for key, value in thing.items()}
    if isinstance(thing, tuple | list):
        return [to_plain(item) for item in thing]
    raise TypeError(f"{type(thing).__name__} has no plain form: only integers, strings, booleans and what holds them")
