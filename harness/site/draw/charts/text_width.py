"""How broad a text is before anyone has drawn it: an upper estimate, and shortening to a breadth."""

from __future__ import annotations

import unicodedata
from functools import cache

from harness.site.draw import svg

SIZE = 14

# Advance widths in em of DejaVu Sans, rounded up: the broadest of the usual system fonts, so that a text fits in any of them.
_EM = {
    0.34: " iIjlJ.,:;'|!\u00a0",
    0.43: 'ftrs()[]{}/\\-"`·',
    0.53: "_*°–?zckxvy<^",
    1.0: "mwMW@%…—",
}
_BY_CHARACTER = {character: em for em, characters in _EM.items() for character in characters} | {
    "s": 0.53, "<": 0.85, ">": 0.85, "=": 0.85, "+": 0.85, "~": 0.85, "c": 0.56, "k": 0.6, "x": 0.6, "v": 0.6, "y": 0.6,
}  # fmt: skip


@cache
def _em(character: str) -> float:
    if character in _BY_CHARACTER:
        return _BY_CHARACTER[character]
    if character.isascii():
        return 0.8 if character.isupper() else 0.65
    if unicodedata.combining(character):
        return 0.0
    return 1.4 if unicodedata.east_asian_width(character) in "WF" or ord(character) >= 0x1F000 else 0.95


def breadth(content: str) -> float:
    """Of a line of text in a chart, in pixels; never less than what a browser draws for usual letters."""
    return SIZE * sum(map(_em, content))


def shorten(content: str, room: float) -> str:
    """`content` on one line; an ellipsis stands for the middle of a broader one, as names differ at their ends."""
    line = " ".join(svg.legal(content).split())
    if len(line) <= 400 and breadth(line) <= room:
        return line
    left = room - breadth("…")
    head = _fitting(line, left * 0.6)
    tail = _fitting(line[len(head) :][::-1], left - breadth(head))[::-1]
    return f"{head.rstrip()}…{tail.lstrip()}"


def _fitting(line: str, room: float) -> str:
    """The longest beginning of `line` that fits."""
    for i, character in enumerate(line):
        room -= SIZE * _em(character)
        if room < 0:
            return line[:i]
    return line
