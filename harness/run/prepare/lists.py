"""Lists of values in `-o NAME=VALUE`: which options are swept, and the cells that their values make. Pure.

A comma divides values only where no value of the option can hold one: numbers, true or false, declared choices. In an option of
free text (tensor_split=3,1) it belongs to the value. Giving an option several times sweeps it, whatever its kind.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from harness.catalog.matrices import MOST_CELLS
from harness.errors import BadInput
from harness.run.prepare import options
from runtimes.interface import Option

_RANGE = re.compile(r"(\d{1,9})-(\d{1,9})(?:([+*])(\d{1,9}))?")


@dataclass(frozen=True, slots=True)
class Listed:
    """An option and its values, as `-o` takes them one by one."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lists:
    """All that `-o` asked for, in the order in which the names came first."""

    options: tuple[Listed, ...]

    @property
    def swept(self) -> tuple[str, ...]:
        """The names with more than one value; empty: no sweep."""
        return tuple(one.name for one in self.options if len(one.values) > 1)

    @property
    def first(self) -> tuple[str, ...]:
        """`NAME=VALUE` of each option with its first value: without a sweep, all that was asked for."""
        return tuple(f"{one.name}={one.values[0]}" for one in self.options)

    def cells(self) -> list[dict[str, str]]:
        """Every combination, name → value, the last name changing fastest."""
        names = [one.name for one in self.options]
        return [dict(zip(names, values, strict=True)) for values in product(*(one.values for one in self.options))]


def lists_of(settings: Sequence[str], declared: Mapping[str, Option], runtime: str) -> Lists:
    """`NAME=VALUE` texts with their lists. Raises `BadInput` for what a single value is refused for, a value given twice, a list
    of secrets, and more than `MOST_CELLS` cells.
    """
    found: dict[str, list[Sequence[str]]] = {}
    for text in settings:
        name, equals, value = text.partition("=")
        option = declared.get(name)
        if not equals or option is None:
            options.parse([text], declared, runtime)  # raises
            continue
        found.setdefault(name, []).append(_values(name, value, option))
    _refuse_too_many({name: sum(map(len, parts)) for name, parts in found.items()})
    made = tuple(Listed(name, tuple(v for part in parts for v in part)) for name, parts in found.items())
    for one in made:
        _refuse_bad(one, declared, runtime)
    return Lists(made)


def _values(name: str, value: str, option: Option) -> Sequence[str]:
    if not divides(option):
        return (value,)
    parts = [part.strip() for part in value.split(",")]  # "1, 2" is what people write
    return parts if option.kind is not int else [one for part in parts for one in _range(name, part)]


def divides(option: Option) -> bool:
    """Whether a comma divides the option's values."""
    if option.secret:
        return False
    return option.kind in (int, bool) or (bool(option.choices) and not any("," in one for one in option.choices))


def _range(name: str, text: str) -> list[str]:
    """`1-8`, `2-8+2` or `1-8*2`, as llama-bench writes them, else the text itself."""
    found = _RANGE.fullmatch(text)
    if found is None:
        return [text]
    first, last, by = int(found[1]), int(found[2]), int(found[4] or 1)
    if first > last or by < (2 if found[3] == "*" else 1) or (found[3] == "*" and first == 0):
        raise BadInput(
            f"{text!r} is not a range", where=f"-o {name}", fix="give FIRST-LAST, FIRST-LAST+STEP or FIRST-LAST*FACTOR"
        )
    if found[3] == "*":
        values = []
        while first <= last:
            values.append(first)
            first *= by
        return [str(value) for value in values]
    numbers = range(first, last + 1, by)
    if len(numbers) > MOST_CELLS:
        _refuse_too_many({name: len(numbers)})
    return [str(number) for number in numbers]


def _refuse_too_many(lengths: Mapping[str, int]) -> None:
    count = prod(lengths.values())
    if count > MOST_CELLS:
        swept = " × ".join(f"{length:,} of {name}" for name, length in lengths.items() if length > 1)
        raise BadInput(
            f"the lists make {count:,} combinations ({swept}), the limit is {MOST_CELLS}",
            where="-o",
            fix="give fewer values, or sweep one option after the other",
        )


def _refuse_bad(one: Listed, declared: Mapping[str, Option], runtime: str) -> None:
    typed = [options.parse([f"{one.name}={value}"], declared, runtime)[one.name] for value in one.values]
    if declared[one.name].secret and len(typed) > 1:
        raise BadInput("a secret can't be swept: no record tells it", where=f"-o {one.name}", fix="give it once")
    twice = next((text for text, value in zip(one.values, typed, strict=True) if typed.count(value) > 1), None)
    if twice is not None:
        raise BadInput(f"{twice} is given twice", where=f"-o {one.name}", fix="give each value once")
