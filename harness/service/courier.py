"""Tells webhooks what happened, each receiver in a thread of its own. Nothing waits for it, and nothing that a receiver does
stops it, or holds up another.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from harness.errors import ReproError
from harness.registry import Registry
from harness.registry.actions import webhooks

SECONDS = 2.0  # between two looks at the log


class Courier:
    """Of one process; several processes share the work."""

    def __init__(self, registry: Registry, seconds: float = SECONDS) -> None:
        self._registry, self._seconds = registry, seconds
        self._ended = threading.Event()
        self._busy: dict[str, threading.Thread] = {}  # by receiver
        self._thread = threading.Thread(target=self._run, name="courier", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """After what is being delivered, or half a minute."""
        self._ended.set()
        ends = time.monotonic() + 30
        for one in (self._thread, *self._busy.values()):
            one.join(timeout=max(ends - time.monotonic(), 0))

    def _run(self) -> None:
        while not self._ended.wait(self._seconds):
            with _told():
                webhooks.collect(self._registry)
                for receiver in webhooks.due(self._registry):
                    if receiver not in self._busy or not self._busy[receiver].is_alive():
                        self._busy[receiver] = threading.Thread(target=self._deliver, args=(receiver,), daemon=True)
                        self._busy[receiver].start()

    def _deliver(self, receiver: str) -> None:
        with _told():
            while not self._ended.is_set() and webhooks.deliver_to(self._registry, receiver).taken == webhooks.AT_ONCE:
                pass


@contextmanager
def _told() -> Iterator[None]:
    """A thread must not end by what fails: what waits is tried again."""
    try:
        yield
    except ReproError as error:
        logging.getLogger("harness.service").warning("webhooks: %s", type(error).__name__)
    except Exception as error:
        logging.getLogger("harness.service").error("webhooks: %s", type(error).__name__)
