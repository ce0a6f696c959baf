"""Things named by the beginning of their ids. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from harness.errors import BadInput, NotFound

LEAST = 4  # digits
SHOWN = 8  # of several that begin so


def proper(prefix: str) -> bool:
    """Whether it can be the beginning of an id."""
    return len(prefix) >= LEAST and set(prefix) <= set("0123456789abcdef")


def only(found: Sequence[str], prefix: str, kind: str, fix: str) -> str:
    """The one that was found. Raises `NotFound`: none; `BadInput`: several, which it lists."""
    where = prefix[:64]
    if len(found) == 1:
        return found[0]
    if not found:
        fix = fix if proper(prefix.lower()) else f"give at least {LEAST} hexadecimal digits"
        raise NotFound(f"no {kind} has an id that begins so", where=where, fix=fix)
    width = next((n for n in range(12, 64) if len({one[:n] for one in found}) == len(found)), 64)
    listed = ", ".join(one[:width] for one in found[:SHOWN]) + (", …" if len(found) > SHOWN else "")
    raise BadInput(f"several {kind}s have an id that begins so: {listed}", where=where, fix="give more digits")
