"""Progress on standard error. Drawn only when told something, which is between trials: no thread refreshes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from harness.terminal.console import err

_QUIET_S = 10.0  # without a terminal: a line at most this often


class Progress:
    """A `harness.run.execute.listener.Listener` that draws one bar on a terminal, or sparse lines into a file."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Bar(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=30),
            TextColumn("{task.fields[count]}", markup=False),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            auto_refresh=False,
            transient=True,
        )
        self._task = self._bar.add_task("", total=None, count="", visible=False)
        self._last_line = 0.0
        self._last_text = ""

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._bar.stop()

    def stage(self, text: str) -> None:
        """A step begins: its own line, which stays."""
        self._console.print(text, markup=False)

    def advance(self, text: str, done: int, total: int) -> None:
        """Move the bar, or print a line where there is no terminal."""
        count = _count(done, total)
        if self._console.is_terminal:
            self._bar.update(
                self._task,
                description=text,
                completed=done,
                total=total or None,
                count=count,
                visible=True,
                refresh=True,
            )
            return
        now = time.monotonic()
        if text.partition(":")[0] != self._last_text or now - self._last_line >= _QUIET_S:
            self._console.print(f"  {text} {count}", markup=False)
            self._last_text, self._last_line = text.partition(":")[0], now

    def remark(self, text: str) -> None:
        """Something to read afterwards."""
        self._console.print(text, markup=False)


def _count(done: int, total: int) -> str:
    if total > 10_000_000:
        return f"{done >> 20}/{total >> 20} MiB"
    return f"{done}/{total}" if total else ""


@contextmanager
def counting(text: str) -> Iterator[Callable[[int, int], None]]:
    """A bar on standard error for (done, of)."""
    with Progress(err()) as bar:
        yield lambda done, total: bar.advance(text, done, total)
