"""Waiting for whoever else has what is needed: the machine, a node, a job."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from harness.errors import Conflict
from harness.progress import Progress
from harness.run.session import BUSY

T = TypeVar("T")


def patiently(act: Callable[[], T], progress: Progress, patience_s: float, pause_s: float = 1.0, busy: str = BUSY) -> T:
    """What `act` returns, tried again while somebody else has what it needs. Raises that `Conflict` where it takes too long.

    `busy`: what such a conflict says; any other is raised at once.
    """
    until, told = time.monotonic() + patience_s, False
    while True:
        try:
            return act()
        except Conflict as error:
            if error.what != busy or time.monotonic() >= until:
                raise
        if not told:
            progress.remark(f"{busy}: waiting for its end")
            told = True
        time.sleep(pause_s)
