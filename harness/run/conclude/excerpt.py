"""The engine's own words as they may be published: a line of ASCII without paths, addresses, ids and names. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

LIMIT = 500  # characters, as the record's schema has it
_HIDDEN = (
    re.compile(r"[a-z][a-z0-9+.-]*://\S+", re.IGNORECASE),  # addresses
    re.compile(r"(?P<mark>['\"`])(?=[^'\"`]*[/\\])[^'\"`]*(?P=mark)"),  # paths in marks, blanks and all
    re.compile(r"(?<![A-Za-z0-9\])])(?:~|\.{1,2}|[A-Za-z]:)?[/\\][^\s'\"`,;()\[\]]*"),  # from a slash to the next blank
    re.compile(r"[^\s'\"`,;()\[\]=:]+/[^\s'\"`,;()\[\]]*/[^\s'\"`,;()\[\]]*"),  # a/b/c; tokens/s and n/m stay
    re.compile(r"\S+@\S+\.\S+"),
    re.compile(r"\b(?:GPU|MIG)-[0-9a-f-]{8,}\b", re.IGNORECASE),
    re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE),
    re.compile(r"\b(?:[0-9a-f]{2}:){5}[0-9a-f]{2}\b", re.IGNORECASE),
    re.compile(r"\b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b"),
    re.compile(r"\b0x[0-9a-f]{5,}\b", re.IGNORECASE),
    re.compile(r"\b[0-9a-f]{16,}\b", re.IGNORECASE),
)
_MARK = "[...]"


def excerpt(text: str, names: Iterable[str]) -> str:
    """At most 500 printable ASCII characters. `names`: what else must not be told, such as the model's path and the user."""
    line = " ".join(text[: 8 * LIMIT].split())
    known = sorted({one for one in names if one}, key=len, reverse=True)
    line = _without(line, [name for name in known if "/" in name])
    plain = "".join(one if " " <= one <= "~" else "?" for one in line)
    for pattern in _HIDDEN:
        plain = pattern.sub(_MARK, plain)
    plain = _without(plain, known)
    return plain if len(plain) <= LIMIT else plain[: LIMIT - 3] + "..."


def _without(text: str, names: Iterable[str]) -> str:
    for name in names:
        spelled = "".join(one if " " <= one <= "~" else "?" for one in name)
        for one in {name, spelled}:
            pattern = rf"(?<![A-Za-z0-9]){re.escape(one)}(?![A-Za-z0-9])"
            text = re.sub(pattern, _MARK, text, flags=re.IGNORECASE)
    return text
