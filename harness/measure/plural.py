"""Numbers of things, in words. Pure."""

from __future__ import annotations

from collections.abc import Sequence

__all__ = ["count", "first"]


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 record`, `1,204 records`; `plural` where it takes more than an s: `3 processes are`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def first(words: Sequence[str], most: int, between: str = ", ") -> str:
    """At most so many of them, and how many more there are: `a, b and 3 more`."""
    more = f" and {len(words) - most} more" if len(words) > most else ""
    return between.join(words[:most]) + more
