"""Hours of the day in which nothing is measured: `22:00-07:00`, the machine's own time. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

DAY = 24 * 60  # minutes
_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)")


@dataclass(frozen=True, slots=True)
class Span:
    """From one minute of the day to another, the second left out; it may go over midnight."""

    first: int
    last: int
    text: str

    def holds(self, minute: int) -> bool:
        """Whether the minute of the day, from 0, is in it."""
        if self.first < self.last:
            return self.first <= minute < self.last
        return minute >= self.first or minute < self.last


def read(text: str) -> Span:
    """Raises `ValueError`."""
    found = _SPAN.fullmatch(text)
    if found is None:
        raise ValueError(f"{text[:40]!r} must be two times of day, as 22:00-07:00")
    first, last = (60 * int(found[n]) + int(found[n + 1]) for n in (1, 3))
    if first == last:
        raise ValueError(f"{text!r} begins where it ends: name two times")
    return Span(first, last, text)


def quiet(spans: Iterable[str], hour: int, minute: int) -> str:
    """The span that holds this time; "" for none."""
    found = (read(text) for text in spans)
    return next((one.text for one in found if one.holds(60 * hour + minute)), "")
