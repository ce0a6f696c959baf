"""The machine, for one measurement at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from harness import paths
from harness.errors import Conflict
from harness.files import locked


@contextmanager
def held(busy: str, refuse: Callable[[], None]) -> Iterator[bool]:
    """Nobody else measures here meanwhile; False where the system has no locks. Raises `Conflict` where somebody does: `busy`.

    `refuse` raises before that for what can be refused without the machine: nobody should wait for its end to hear it.
    """
    with ExitStack() as stack:
        try:
            lock = stack.enter_context(locked(paths.cache() / "measuring.lock", busy))
        except Conflict:
            refuse()
            raise
        yield lock
