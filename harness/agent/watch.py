"""What goes on beside a run, and only between its processes: the heartbeat, and whatever ends it early.

While a worker measures, nothing of this runs: the run's own host waits for frames, and this thread is the run's host.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from harness.agent.conditions import Moment, full, halted
from harness.agent.policy import Policy
from harness.agent.state import Current
from harness.errors import Interrupted, ReproError, TooMany, Unavailable
from harness.progress import Progress

BEAT_S = 60.0
LEASE_S, LONGEST_S = 600, 3600  # asked for at a time: a process that takes longer than ten minutes needs a longer one
FIRST_S = 1800  # before anything is known of its processes
LARGE = 10_000_000  # a total above counts bytes (`Progress`)


class Stopped(Interrupted):
    """It may be continued later: a file, an hour, a busy machine. What was measured is kept."""


class Lost(Interrupted):
    """The request is somebody else's now, or nobody's any more."""


class Desk(Protocol):
    """Who gives leases."""

    def renew(self, request: str, lease: str, for_s: int) -> None:
        """Raises `NotFound`, `Conflict` where it is lost, `Unavailable` where nobody answers."""


class Watch:
    """Progress of a run, with what happens beside it. Raises `Stopped` or `Lost`, never while a worker measures."""

    def __init__(
        self,
        policy: Policy,
        desk: Desk,
        current: Current,
        progress: Progress,
        moment: Callable[[Policy], Moment],
        used_bytes: Callable[[], int] = lambda: 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._policy, self._desk, self._current, self._progress = policy, desk, current, progress
        self._moment, self._used_bytes, self._clock = moment, used_bytes, clock
        self._used: int | None = None  # before its first step
        self._beat_at = -BEAT_S
        self._longest_s: float | None = None
        self._measuring = False

    def stage(self, text: str) -> None:
        """A step of the run begins: what the one before it put on the disk, an engine for example, is counted."""
        self._progress.stage(text)
        if not self._measuring:
            self._used = self._used_bytes()
            if why := full(self._policy, self._used):
                raise Stopped(why, fix="allow more, or remove what you don't need")
        self.between()

    def advance(self, text: str, done: int, total: int) -> None:
        """Of a download, also: whether it may go on."""
        self._progress.advance(text, done, total)
        if self._measuring:
            return
        if total > LARGE:
            self._used = self._used_bytes() if self._used is None else self._used
            if why := full(self._policy, self._used, total - done):
                raise Stopped(why, fix="allow more, or remove what you don't need")
        self.between()

    def remark(self, text: str) -> None:
        """As the run says it."""
        self._progress.remark(text)

    def step(self, process: Callable[[], bool]) -> bool:
        """One process of the run, with nothing beside it; whether there was one."""
        self.between()
        began = self._clock()
        with self.measuring():
            more = process()
        self._longest_s = max(self._longest_s or 0.0, self._clock() - began)
        return more

    @contextmanager
    def measuring(self) -> Iterator[None]:
        """Nothing of this happens meanwhile."""
        self._measuring = True
        try:
            yield
        finally:
            self._measuring = False

    def between(self) -> None:
        """Whether it may go on; a heartbeat where one is due. Raises `Stopped`, `Lost`."""
        if self._measuring:
            return
        if why := halted(self._policy, self._moment(self._policy)):
            raise Stopped(why, fix="what was measured is kept")
        if self._clock() - self._beat_at >= BEAT_S:
            self.beat()

    def beat(self) -> None:
        """Renew the lease. A registry that does not answer for now takes nothing away."""
        self._beat_at = self._clock()
        try:
            self._desk.renew(self._current.job.request, self._current.lease, self.length_s)
        except (Unavailable, TooMany) as error:
            self._progress.remark(f"no heartbeat: {error.what}")
        except Interrupted:
            raise
        except ReproError as error:
            raise Lost(f"the lease is lost: {error.what}", where=self._current.job.request[:12]) from None

    @property
    def length_s(self) -> int:
        """For how long the next lease is asked: twice the longest process, for the next heartbeat comes after one."""
        if self._longest_s is None:
            return FIRST_S
        return min(max(LEASE_S, int(2 * self._longest_s) + LEASE_S // 2), LONGEST_S)
