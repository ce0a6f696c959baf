"""Cosignatures for new checkpoints, collected beside the service: a thread of its own, which nobody's request waits for."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress

from harness.registry import Registry
from harness.registry.actions import cosigning
from harness.registry.actions.cosigning import Asked, Due, Peers

AT_ONCE = 8  # witnesses
EVERY_S = 15.0  # another process may have signed a checkpoint
_PAUSE_S = 1.0  # under load one round takes many checkpoints together


class Cosigner:
    """Asks every witness that the log names. `told` hears each answer; `private`: witnesses on this machine or its network."""

    def __init__(self, registry: Registry, private: Collection[str], told: Callable[[Asked], None]) -> None:
        self._registry, self._peers, self._told = registry, Peers(private), told
        self._wake, self._ending = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="cosigner", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """There may be a new checkpoint."""
        self._wake.set()

    def close(self) -> None:
        """Without waiting for a witness that is slow: what it signs is asked for again at the next start."""
        self._ending.set()
        self._wake.set()
        self._thread.join(1.0)

    def _run(self) -> None:
        while not self._ending.is_set():
            self._wake.wait(EVERY_S)
            self._wake.clear()
            if not self._ending.is_set():
                self._round()
                self._ending.wait(_PAUSE_S)

    def _round(self) -> None:
        try:
            due = cosigning.due(self._registry, self._peers, time.monotonic())
        except Exception:  # whatever fails, the database is asked again soon: this thread must not end
            return
        for first in range(0, len(due), AT_ONCE):
            threads = [
                threading.Thread(target=self._one, args=(one,), daemon=True) for one in due[first : first + AT_ONCE]
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    def _one(self, one: Due) -> None:
        with suppress(Exception):  # the next round asks again
            self._told(cosigning.ask(self._registry, one, self._peers, time.monotonic()))
