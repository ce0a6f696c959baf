"""Numbers of things, in words. Pure."""

from __future__ import annotations

__all__ = ["count"]


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 record`, `1,204 records`; `plural` where it takes more than an s: `3 processes are`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
