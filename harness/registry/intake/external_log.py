"""An object of another tool's log, read strictly: a field is what it should be, or the log is refused with its place. Pure."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

from harness.errors import BadInput
from harness.registry.intake.external_text import found_in

SIZE_LIMIT = 8 << 20
VALUE_LIMIT = 500_000  # in one file
DEPTH_LIMIT = 8  # the deepest of the formats has 5
LIST_LIMIT = 1000  # tests in one file, repetitions of one test
TEXT_LIMIT = 200
COUNT_LIMIT = 2**53 - 1
RATE_LIMIT = 10**8  # tokens/s: a guard against overflow, no judgement of plausibility

# A second look at the few texts that are kept: IPv4, UUID or GPU id, MAC, PCI address, host with port, user at host, path.
_IDENTIFYING = re.compile(
    r"(\d{1,3}\.){3}\d{1,3}|[0-9a-f]{8}-[0-9a-f]{4}-|([0-9a-f]{2}[:-]){5}[0-9a-f]{2}|[0-9a-f]{2}:[0-9a-f]{2}\.[0-9a-f]"
    r"|\w:\d{2,5}\b|\S@[a-z]|(^|\s)(~|[a-z]:)?[\\/]\S",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Log:
    """An object of a log, and where it stands. Every method raises `BadInput` for a field that is not what it should be."""

    value: Any
    where: str

    def refusal(self, what: str, fix: str = "") -> BadInput:
        """What is wrong, at this object."""
        return BadInput(what, where=self.where, fix=fix)

    def count(self, key: str, least: int = 0) -> int:
        """A whole number."""
        return self.whole(self.value.get(key), key, least)

    def whole(self, value: Any, key: str, least: int = 0) -> int:
        """As `count`, of a value."""
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= COUNT_LIMIT:
            raise self.refusal(f"its {key} must be a whole number of at least {least}")
        return value

    def positive(self, key: str) -> float:
        """A number above zero."""
        value = self.value.get(key)
        if not is_number(value) or value <= 0:
            raise self.refusal(f"its {key} must be a number above zero")
        return float(value)

    def entries(self, key: str) -> list[Any]:
        """A list with something in it."""
        value = self.value.get(key)
        if not isinstance(value, list) or not 0 < len(value) <= LIST_LIMIT:
            raise self.refusal(f"its {key} must be a list of 1 to {LIST_LIMIT} entries")
        return value

    def part(self, value: Any, name: str) -> Log:
        """An object within this one."""
        if not isinstance(value, dict):
            raise self.refusal(f"its {name} must be an object")
        return Log(value, f"{self.where}, {name}")

    def raw(self, key: str) -> str:
        """Text as it stands: for comparing, never for keeping."""
        value = self.value.get(key)
        if value is not None and not isinstance(value, str):
            raise self.refusal(f"its {key} must be text")
        return value or ""

    def text(self, key: str) -> str:
        """Text that may be kept."""
        return self._kept(self.raw(key), key)

    def file_name(self, key: str) -> str:
        """The last part of a path."""
        name = self._kept(re.split(r"[\\/]", self.raw(key).rstrip("\\/ "))[-1], key)
        if not name:
            raise self.refusal(f"its {key} is empty")
        return name

    def _kept(self, text: str, key: str) -> str:
        flat = " ".join(text.split())
        if len(flat) > TEXT_LIMIT or not flat.isprintable():
            raise self.refusal(f"its {key} is longer than {TEXT_LIMIT} characters or not printable")
        if _IDENTIFYING.search(flat):
            raise self.refusal(f"its {key} holds an address, a path or a serial number", "blank it in a copy")
        return flat

    def micro(self, rate: float, key: str) -> int:
        """Micro tokens/s of tokens/s."""
        if not 5e-7 < rate <= RATE_LIMIT:
            raise self.refusal(f"its {key} gives no possible rate")
        return round(rate * 1e6)

    def agree(self, one: float, other: float, names: str, within: float = 0.001) -> None:
        """Refuse two numbers that should be one."""
        if abs(one - other) > within * max(one, other):
            raise self.refusal(f"its {names} do not agree", "do not trust this log")


def values(data: bytes, where: str) -> list[Any]:
    """The objects of the file: one, an array of them, or one a line, between log lines; in UTF-16 as PowerShell's `>` writes."""
    if len(data) > SIZE_LIMIT:
        raise BadInput(f"has {len(data)} bytes, the limit is {SIZE_LIMIT}", where=where)
    try:
        text = data.decode(json.detect_encoding(data))
        if sum(map(text.count, ",[{")) > VALUE_LIMIT:
            raise ValueError(f"it holds more than {VALUE_LIMIT} values")
        found = found_in(text, _loads)
    except (ValueError, RecursionError) as error:
        fix = "take the JSON that the tool wrote, whole; llama-bench writes it with -o json"
        raise BadInput(f"must be a log in JSON: {error}", where=where, fix=fix) from error
    values = found if isinstance(found, list) else [found]
    if not 0 < len(values) <= LIST_LIMIT:
        raise BadInput(f"has {len(values)} entries, 1 to {LIST_LIMIT} are taken", where=where)
    if not _shallow(values, DEPTH_LIMIT):
        raise BadInput(f"is nested deeper than {DEPTH_LIMIT}", where=where)
    return values


def _shallow(value: Any, left: int) -> bool:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return not inner or (left > 0 and all(_shallow(item, left - 1) for item in inner))


def _loads(text: str) -> Any:
    return json.loads(text, object_pairs_hook=_once, parse_constant=_constant)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return dict(pairs)


def _constant(text: str) -> Any:
    raise ValueError(f"it holds {text}, which is not a number")


def is_number(value: Any) -> bool:
    """Whether it is a number of a sane size; a truth value is none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= COUNT_LIMIT
