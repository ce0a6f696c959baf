"""The JSON within what a tool printed: with log lines before, between and after it, one value, several, or one a line. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

# A line that opens a value: an object, or an array of objects. "[2026-11-28 12:00:00] INFO" is a log line.
_OPENS = re.compile(r"\{|\[\s*(?:[{\[\]]|$)")
# Any line of a value as tools print it; others within a value are log lines, unless they hold a quote.
_OF_A_VALUE = re.compile(r"[\[\]{}\",\-\d]|(?:true|false|null),?\s*$|.*\"")
_TABLES = (
    (re.compile(r"^\|.*\|\s*$", re.MULTILINE), "a table in Markdown"),
    (re.compile(r"^(CREATE TABLE|INSERT INTO) ", re.MULTILINE), "SQL"),
    (re.compile(r"^\"?build_commit\"?,", re.MULTILINE), "a table in CSV"),
)

Reader = Callable[[str], Any]  # as json.loads


def found_in(text: str, loads: Reader) -> Any:
    """The value of the text; a list of them where several stand in it, log lines skipped.

    Raises `ValueError` (from the reader) where a value is cut short, holds what is no JSON, or is not there at all.
    """
    try:
        return loads(text)
    except json.JSONDecodeError as error:
        lines = [stripped for line in re.split(r"\r\n|\n|\r", text) if (stripped := line.strip())]
        if not any(_OPENS.match(line) for line in lines):
            raise ValueError(_what_it_is(text) or str(error)) from error
    found: list[Any] = []
    at = 0
    while at < len(lines):
        if _OPENS.match(lines[at]):
            own, at = _value(lines, at)
            value = loads(own)
            found += value if isinstance(value, list) else [value]
        else:
            at += 1
    return found


def _value(lines: list[str], at: int) -> tuple[str, int]:
    """The text of the value that opens at line `at`, without log lines, and the line after it; all the rest if it never ends."""
    kept: list[str] = []
    depth, quoted, escaped = 0, False, False
    for number in range(at, len(lines)):
        if not _OF_A_VALUE.match(lines[number]):
            continue
        kept.append(lines[number])
        for character in lines[number]:
            if escaped:
                escaped = False
            elif quoted:
                quoted, escaped = character != '"', character == "\\"
            elif character == '"':
                quoted = True
            else:
                depth += (character in "[{") - (character in "]}")
        if depth <= 0:
            return "\n".join(kept), number + 1
    return "\n".join(kept), len(lines)


def _what_it_is(text: str) -> str:
    return next((name for pattern, name in _TABLES if pattern.search(text)), "")
