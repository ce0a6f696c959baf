"""Names that are shown or compared: one spelling each. What looks like another name, or hides a character, is refused. Pure."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

# Letters and marks that print nothing, and blanks that are no space: none of them is in a category of its own.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0") | {
    chr(c) for c in (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10))
}
_HIDDEN = ("Cc", "Cf", "Cn", "Co", "Cs", "Zl", "Zp")
# Scripts that one name may mix, as Japanese and Korean do; any other second script imitates the first.
_TOGETHER = (
    frozenset({"LATIN"}),
    frozenset({"LATIN", "CJK", "HIRAGANA", "KATAKANA"}),
    frozenset({"LATIN", "CJK", "HANGUL"}),
)


@lru_cache(maxsize=256)  # a registry asks the same few again and again
def flaw(name: str) -> str | None:
    """Why `name` can't stand for anything, in words; None where it can."""
    for character in name:
        if _prints_nothing(character):
            return f"has a character that prints nothing (U+{ord(character):04X})"
    if unicodedata.normalize("NFKC", name) != name:
        return "is not in its normal form (NFKC)"
    if name != " ".join(name.split()):
        return "has spaces at an end, or several in a row"
    scripts = {script for character in name if (script := _script(character)) is not None}
    if len(scripts) > 1 and not any(scripts <= together for together in _TOGETHER):
        return f"mixes the scripts {', '.join(sorted(scripts)).title()}"
    return None


def says_something(text: str) -> bool:
    """Whether anything of it can be seen."""
    return any(not _prints_nothing(character) and not character.isspace() for character in text)


def _prints_nothing(character: str) -> bool:
    category = unicodedata.category(character)
    return (
        character in _BLANK
        or category in _HIDDEN
        or (category == "Zs" and character != " ")
        or 0xE0100 <= ord(character) <= 0xE01EF
    )


def _script(character: str) -> str | None:
    """The first word of a letter's Unicode name, which is its script; None for digits, signs and marks."""
    if not character.isalpha():
        return None
    return unicodedata.name(character, "UNNAMED").split(" ")[0]
