"""Two runs whose processes take turns, a fixed number each: every one leaves its record in a folder of its own.

Cut off anywhere, the same call continues: a side with a record is done, one without continues from its journal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from harness.errors import Conflict, Interrupted, NotEnoughSpace, ReproError, RunFailed, Unavailable
from harness.measure.rounds import order
from harness.progress import Progress
from harness.record import store
from harness.record.keys import Signers
from harness.record.store import Stored
from harness.run.request import Request
from harness.run.session import alone
from harness.run.sweep import Running
from harness.run.together import Together
from harness.run.waiting import patiently

Begin = Callable[[Request, Progress], Running]
PATIENCE_S = 4 * 3600.0  # for another measurement on this machine
T = TypeVar("T")


class SideFailed(Exception):
    """One of the two came to nothing, and it is that one's own fault: `side` 0 or 1, and why."""

    def __init__(self, side: int, error: ReproError) -> None:
        super().__init__(str(error))
        self.side, self.error = side, error


@dataclass(frozen=True, slots=True)
class Side:
    """What is measured, under which name; the request's folder is its own."""

    name: str
    request: Request


def side(name: str, request: Request, results: Path, processes: int, seed: int, signers: Signers | None) -> Side:
    """So many processes of the request, kept in a folder of its own; cut off, it is continued there."""
    own = replace(request, results=results, processes=processes, seed=seed, resume=True, or_new=True, signers=signers)
    return Side(name, own)


@contextmanager
def waiting_alone(progress: Progress) -> Iterator[None]:
    """Nobody else measures on this machine meanwhile; while somebody does, it waits. Raises `Conflict` after hours of that."""
    with ExitStack() as held:
        patiently(lambda: held.enter_context(alone(progress)), progress, PATIENCE_S)
        yield


def measure(sides: tuple[Side, Side], seed: int, begin: Begin, progress: Progress) -> tuple[Stored, Stored]:
    """Both records. The caller holds `waiting_alone`, and the folders.

    Raises `SideFailed`, `Interrupted`, and what is no side's own fault: a full disk, another measurement, a lost service.
    """
    missing = {place: side for place, side in enumerate(sides) if done(side.request.results) is None}
    together = Together(progress, len(missing))
    runs: dict[int, Running] = {}
    for place, side in missing.items():
        runs[place] = _of(place, partial(begin, side.request, together.of(place, side.name)))
    together.measuring = True
    left, index = set(runs), min((one.used for one in runs.values()), default=0)
    while left:
        for place in order(len(sides), index, seed):
            if place in left and len(runs[place].complete) <= index and not _of(place, runs[place].step):
                left.remove(place)
        index += 1
    for place, run in runs.items():
        _of(place, run.conclude)
    first, second = (done(side.request.results) for side in sides)
    if first is None or second is None:
        raise RunFailed("a record is gone that was just written", where=str(sides[0].request.results.parent))
    return first, second


def done(results: Path) -> Stored | None:
    """The record of a side that was measured; None where there is none, or only that of a failure."""
    for path in store.below(results) if results.is_dir() else []:
        found = store.read(path)
        if found.record.failure is None:
            return found
    return None


def _of(place: int, act: Callable[[], T]) -> T:
    try:
        return act()
    except (Interrupted, NotEnoughSpace, Conflict, Unavailable):
        raise
    except KeyboardInterrupt:
        raise Interrupted(
            "stopped before anything was measured", fix="the same command goes on; repro bisect takes --resume for it"
        ) from None
    except ReproError as error:
        raise SideFailed(place, error) from error
