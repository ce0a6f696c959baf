"""How whatever takes long says how far it is: one protocol for runs, downloads, registries and sites."""

from __future__ import annotations

from typing import Final, Protocol


class Progress(Protocol):
    """Shows how far something is. Calls come between steps, never while a clock runs, and must return quickly."""

    def stage(self, text: str) -> None:
        """A named step begins: installing, tokenising, measuring."""

    def advance(self, text: str, done: int, total: int) -> None:
        """Part of the step that `text` names is done; `total` 0: unknown. Both count bytes where `total` is above 10 million."""

    def remark(self, text: str) -> None:
        """Something that the user should read afterwards, too."""


class _Silent:
    def stage(self, text: str) -> None:
        """Nothing."""

    def advance(self, text: str, done: int, total: int) -> None:
        """Nothing."""

    def remark(self, text: str) -> None:
        """Nothing."""


SILENT: Final[Progress] = _Silent()
