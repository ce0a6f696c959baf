"""The site job: a site that follows its registry, whoever changes that. One state at a time, one builder at a time.

What happened while a build ran goes into the next one. Every process that serves the site may run the job: who gets the turn
builds, and the others see that it was done.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import date

from harness.errors import Conflict, ReproError
from harness.progress import SILENT, Progress
from harness.registry.actions import jobs
from harness.registry.opening import open_readable
from harness.registry.queries.jobs import Work, work
from harness.registry.store import Registry
from harness.site.build import Built, Wish, build

PERIOD_S = 0.2  # between two looks at the registry, which cost a millisecond
LONGEST_WAIT_S = 60.0  # after failures
BUSY_S = 0.1


@dataclass(frozen=True, slots=True)
class Report:
    """Of one build, in `seconds`: what it did, or why it failed."""

    seconds: float
    built: Built | None = None
    error: ReproError | None = None


@dataclass(slots=True)
class Follower:
    """Keeps the site of `wish` up to date, step by step. `shown`: what this process knows to be there."""

    wish: Wish
    registry: Registry
    shown: Work | None = None
    failures: int = 0

    @classmethod
    def of(cls, wish: Wish) -> Follower:
        """Raises `BadInput` where there is no registry."""
        return cls(replace(wish, at_once=True), open_readable(wish.target))

    def step(self) -> tuple[Report | None, float]:
        """Build if there is something new, and nobody else is at it. The report, and in how many seconds to look again."""
        began = time.monotonic()
        try:
            with self.registry.reading() as reader:
                wanted = work(reader)
            if wanted == self.shown:
                return None, PERIOD_S
            built = self._build(wanted)
        except ReproError as error:
            return self._failed(began, error)
        except Exception as error:  # of any kind: the job goes on, and says what it was
            return self._failed(began, ReproError("failed", where=_place(error), code=type(error).__name__))
        if built is None:
            return None, BUSY_S if self.shown != wanted else PERIOD_S
        self.failures = 0
        return Report(time.monotonic() - began, built), 0.0

    def _build(self, wanted: Work) -> Built | None:
        """None where it was another's turn, or another has done it."""
        with jobs.turn(self.registry, jobs.site(self.wish.out)) as turn:
            if turn is None:
                return None
            # What stands in the folder when this process begins is not known: it looks for itself, once.
            if self.shown is not None and turn.before is not None and turn.before.work == wanted and not self.failures:
                self.shown = wanted
                return None
            try:
                built = build(replace(self.wish, as_of=date.fromisoformat(wanted.day)), SILENT)
            except Conflict:  # on SQLite, another process has the folder
                return None
            except Exception as error:
                failed = error
                turn.failed(error.code if isinstance(error, ReproError) else type(error).__name__)
            else:
                self.shown = Work(built.entries, built.signed, wanted.day, built.cosigned)
                turn.done(self.shown)
                return built
        raise failed  # once the turn's own transaction has kept it

    def _failed(self, began: float, error: ReproError) -> tuple[Report, float]:
        self.failures += 1
        wait = min(2.0 ** (self.failures - 1), LONGEST_WAIT_S)
        return Report(time.monotonic() - began, error=error), wait


def _place(error: Exception) -> str:
    """File and line of this program where it came up."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [one for one in frames if "/harness/" in one.filename] or list(frames)
    return f"{own[-1].filename.rpartition('/harness/')[2]}:{own[-1].lineno}"


def publish(wish: Wish, progress: Progress, wait: Callable[[float], None] = time.sleep) -> Built:
    """Build the site once, when it is this process's turn. Raises as `build`."""
    registry = open_readable(wish.target, progress)
    if registry.in_memory:  # exported files have no jobs
        return build(replace(wish, at_once=True), progress)
    while True:
        with jobs.turn(registry, jobs.site(wish.out)) as turn:
            if turn is not None:
                with suppress(Conflict):
                    built = build(replace(wish, at_once=True), progress)
                    turn.done(Work(built.entries, built.signed, wish.as_of.isoformat()))
                    return built
        wait(BUSY_S)
