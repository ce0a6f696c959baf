"""Progress on standard error. Drawn only when told something, which is between trials: no thread refreshes it."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from harness.terminal.console import err

_QUIET_S = 10.0  # without a terminal: a line at most this often
_REDRAW_S = 0.05  # drawing costs a millisecond; entries of a log come by the thousand


class ProgressBar:
    """A `harness.progress.Progress`: one bar on a terminal; elsewhere a few lines, or with `lines=False` nothing but stages
    and remarks. The bar appears with the first `advance`.
    """

    def __init__(self, console: Console, *, lines: bool = True) -> None:
        self._console, self._lines = console, lines
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[count]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            redirect_stdout=False,  # what a command prints belongs to its standard output
            auto_refresh=False,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, count="", visible=False)
        self._drawn = False
        self._last_s = 0.0
        self._last_text = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.clear()

    def clear(self) -> None:
        """Take the bar away until the next `advance`."""
        if self._drawn:
            self._bar.stop()
            self._drawn = False

    def stage(self, text: str) -> None:
        """A step begins: its own line, which stays."""
        self._console.print(text, markup=False)

    def advance(self, text: str, done: int, total: int) -> None:
        """Move the bar, or print a line where there is no terminal."""
        if self._console.is_terminal:
            self._draw(text, done, total)
        elif self._lines and self._due(text.partition(":")[0], _QUIET_S):
            self._console.print(f"  {text} {_count(done, total)}", markup=False)

    def remark(self, text: str) -> None:
        """Something to read afterwards."""
        self._console.print(text, markup=False)

    def _draw(self, text: str, done: int, total: int) -> None:
        if not self._drawn:
            self._bar.start()
            self._drawn = True
        self._bar.update(
            self._task,
            description=text,
            completed=done,
            total=total or None,
            count=_count(done, total),
            visible=True,
            refresh=self._due(text, _REDRAW_S) or done == total,
        )

    def _due(self, text: str, every_s: float) -> bool:
        """Whether something else is told of than before, or that time has passed."""
        now = time.monotonic()
        if text == self._last_text and now - self._last_s < every_s:
            return False
        self._last_text, self._last_s = text, now
        return True


def shown(*, lines: bool = True) -> ProgressBar:
    """A bar on standard error, for a `with`; off a terminal a few lines, or with `lines=False` none."""
    return ProgressBar(err(), lines=lines)


def _count(done: int, total: int) -> str:
    if total > 10_000_000:
        return f"{done >> 20}/{total >> 20} MiB"
    return f"{done}/{total}" if total else ""
