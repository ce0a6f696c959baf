"""What a run tells whoever watches it. The calls come between trials, while no clock runs."""

from __future__ import annotations

from typing import Protocol


class Listener(Protocol):
    """Shows progress; must return quickly."""

    def stage(self, text: str) -> None:
        """A named step begins: fetching, installing, tokenising, loading."""

    def advance(self, text: str, done: int, total: int) -> None:
        """Part of a step is done; `total` 0 means unknown."""

    def remark(self, text: str) -> None:
        """Something that the user should read afterwards, too."""


class Silent:
    """A listener for tests and programs."""

    def stage(self, text: str) -> None:
        """Nothing."""

    def advance(self, text: str, done: int, total: int) -> None:
        """Nothing."""

    def remark(self, text: str) -> None:
        """Nothing."""
