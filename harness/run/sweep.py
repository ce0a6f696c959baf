"""A sweep: every combination of settings is a run of its own, their processes take turns, and each gets its record.

The turns are rounds over all cells in a seeded order (`harness.measure.rounds`), so that what the machine does meanwhile favours
none. A cell that fails is left out of the rounds that follow; the others go on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Protocol, TypeVar

from harness.errors import BadInput, DiskFull, Interrupted, NotEnoughSpace, RunFailed
from harness.measure.rounds import order
from harness.progress import Progress
from harness.run.kept import Failed, Kept, attempted, failed_by
from harness.run.request import Request
from harness.run.together import Together

FOLDER = ".sweep"
PROCESSES = 4  # of each cell, where the user names no number: two rounds and their reverses


class Running(Protocol):
    """One cell's run, led from here: a `Session`, or a simulation of one."""

    @property
    def used(self) -> int:
        """How many processes were begun."""

    @property
    def complete(self) -> Sequence[object]:
        """Those that came to their end."""

    def step(self) -> bool:
        """One process more; false: it is at its end."""

    def stop(self, why: str) -> None:
        """End it now."""

    def conclude(self) -> Path:
        """Write the record."""

    def discard(self) -> None:
        """Throw away what was measured."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination: its swept settings as texts, and the run that measures it."""

    settings: Mapping[str, str]
    request: Request

    @property
    def key(self) -> str:
        """Names the cell in the sweep's state."""
        return sha256(repr(sorted(self.settings.items())).encode()).hexdigest()[:16]

    def __str__(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self.settings.items()) or "the default"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a cell ended: its record, or the error in one line, and the record of the failure where the engine failed."""

    cell: Cell
    record: Path | None
    error: str = ""
    failure: Path | None = None


@dataclass(frozen=True, slots=True)
class Sweep:
    """The cells, `seed` for the order of their turns, and the seconds that all of it may take."""

    cells: Sequence[Cell]
    kept: Kept
    seed: int
    budget_s: int | None = None


def run_sweep(
    sweep: Sweep,
    begin: Callable[[Request, Progress], Running],
    progress: Progress,
    clock: Callable[[], float] = time.monotonic,
) -> list[Ended]:
    """Measure every cell that has no record yet; how each ended, in the order of the cells.

    Raises `BadInput` before anything is measured where a cell can't be run as it was asked for, `Interrupted` when the user
    stops it: what was measured is kept.
    """
    return _Sweeping(sweep, begin, Together(progress, len(sweep.cells)), clock).run()


R = TypeVar("R", bound=Running)


def begin_all(
    cells: Mapping[int, Cell],
    begin: Callable[[Request, Progress], R],
    progress: Together,
    fail: Callable[[int, Failed], None],
) -> dict[int, R]:
    """The runs of these cells by their places; `fail` hears of one that does not fit, or whose engine can't load it.

    Raises `BadInput` where one can't be run as it was asked for; nothing of the others is left then.
    """
    found: dict[int, R] = {}
    for place, cell in cells.items():
        try:
            found[place] = begin(cell.request, progress.of(place, str(cell)))
        except (NotEnoughSpace, RunFailed) as error:
            if isinstance(error, Interrupted | DiskFull):
                _discard_unused(found.values())
                raise
            fail(place, failed_by(error))  # another one may fit
        except BaseException:
            _discard_unused(found.values())
            raise
    return found


def _discard_unused(runs: Iterable[Running]) -> None:
    for one in reversed(list(runs)):  # the first made the folders
        if not one.used:
            one.discard()


class _Sweeping:
    def __init__(
        self,
        sweep: Sweep,
        begin: Callable[[Request, Progress], Running],
        progress: Together,
        clock: Callable[[], float],
    ) -> None:
        self._sweep, self._begin, self._progress, self._clock = sweep, begin, progress, clock
        self._ended: dict[int, Ended] = {}
        self._running: dict[int, Running] = {}

    def run(self) -> list[Ended]:
        self._begin_all()
        self._sweep.kept.write()
        self._progress.measuring = True
        began = last = self._clock()
        index = min((one.used for one in self._running.values()), default=0)
        while self._running:
            for place in order(len(self._sweep.cells), index, self._sweep.seed):
                running = self._running.get(place)
                if running is not None and running.used <= index:
                    self._turn(place, running)
            index += 1
            now = self._clock()
            self._stop_beyond_budget(now - began, now - last)
            last = now
        return [self._ended[place] for place in range(len(self._sweep.cells))]

    def _begin_all(self) -> None:
        missing = {}
        for place, cell in enumerate(self._sweep.cells):
            record = self._sweep.kept.record(cell.key)
            if record is None:
                missing[place] = cell
            else:
                self._ended[place] = Ended(cell, record)
        self._running = begin_all(missing, self._begin, self._progress, self._fail)

    def _turn(self, place: int, running: Running) -> None:
        cell = self._sweep.cells[place]
        found = attempted(running.step, str(cell))
        if isinstance(found, Failed):
            self._fail(place, found)
        elif not found:
            self._conclude(place, running)

    def _conclude(self, place: int, running: Running) -> None:
        cell = self._sweep.cells[place]
        record = attempted(running.conclude, str(cell))
        if isinstance(record, Failed):
            self._fail(place, record)
            return
        del self._running[place]
        self._sweep.kept.note(cell.key, record)
        self._ended[place] = Ended(cell, record)

    def _fail(self, place: int, failed: Failed) -> None:
        self._running.pop(place, None)
        self._ended[place] = Ended(self._sweep.cells[place], None, failed.error, failed.record)
        self._progress.failed(str(self._sweep.cells[place]), failed.error)

    def _stop_beyond_budget(self, spent_s: float, round_s: float) -> None:
        """After whole rounds alone, so that every cell has as many processes as the others."""
        budget_s = self._sweep.budget_s
        if budget_s is None or spent_s + round_s <= budget_s:
            return
        why = f"another round of the sweep would end at {spent_s + round_s:.0f} s, its budget is {budget_s} s"
        for place, running in list(self._running.items()):
            if len(running.complete) >= (self._sweep.cells[place].request.processes or len(running.complete) + 1):
                self._turn(place, running)  # it has all that were asked for
            elif running.complete:
                running.stop(why)
                self._conclude(place, running)
            else:
                self._fail(place, Failed(f"no process came to its end: {why}"))


def to_continue(kept: Kept, what: str) -> None:
    """Take what an earlier start of `what` left. Raises `BadInput` where that is nothing."""
    if not kept.there:
        raise BadInput(
            f"no unfinished {what} of this model, runtime, suite and options",
            where="--resume",
            fix="start it without --resume",
        )
    kept.read()
