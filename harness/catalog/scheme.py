"""A method of quantisation and what it does to a weight, with what its readers share. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

Scalar = str | int | bool
Config = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Scheme:
    """A method and what it does to a weight; `bits` None where it varies or isn't known, `group` 0 where there is none.

    `mixed`: other modules have other bits or groups. `details` is what else makes the weights what they are.
    """

    method: str
    label: str
    bits: int | None = None
    group: int = 0
    mixed: bool = False
    details: Mapping[str, Scalar] = field(default_factory=dict)


def number(found: Config, *names: str) -> int | None:
    """The first of the names that has a whole number."""
    return next((found[n] for n in names if type(found.get(n)) is int), None)


def group_word(size: int | None) -> str:
    """As a label says it."""
    if not size:
        return ""
    return f"-g{size}" if size > 0 else "-channel"


def word(text: object, length: int) -> str:
    """A configuration's own word as a part of a label."""
    return re.sub(r"[^A-Za-z0-9_]", "", str(text))[:length]


def float8(text: object) -> str:
    """The format of an 8-bit float: `e4m3` of "float8_e4m3fn", "E4M3" and "fp8_e4m3"; others keep their word."""
    plain = re.sub(r"^(?:torch\.)?(?:float8|fp8)_?", "", str(text).lower())
    return word(re.sub(r"^(e\dm\d)fn$", r"\1", plain), 12)
