"""A progress that hands what it is told to a function."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Calling:
    """`on_advance` is called with (done, of)."""

    on_advance: Callable[[int, int], object]

    def stage(self, text: str) -> None:
        """Nothing."""

    def advance(self, text: str, done: int, total: int) -> None:
        """Call it."""
        self.on_advance(done, total)

    def remark(self, text: str) -> None:
        """Nothing."""
