"""The settings that are fastest here, by successive elimination: every candidate is measured in rounds, what surely is slower
drops out, and the one that is left is measured again against the default, in fresh processes.

Whoever picks the best of many noisy numbers picks luck, too: the gain that is claimed comes from the second measurement alone.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Protocol

from harness.errors import BadInput, RunFailed
from harness.measure.elimination import LEAST_PAIRS, Gain, Standing, gain, standing
from harness.measure.plural import count
from harness.measure.rounds import order
from harness.progress import Progress
from harness.run.kept import Failed, Kept, attempted
from harness.run.request import Request
from harness.run.scores import Objective, Rates
from harness.run.sweep import Cell, Running, begin_all
from harness.run.together import Together

FOLDER = ".tune"
MOST_ROUNDS = 8
MOST_PAIRS = 8
_FRESH = 1_000_003  # added to the seed of what is measured again: a run of its own


class Rated(Running, Protocol):
    """A run whose processes have rates."""

    def rates(self) -> Mapping[int, Rates]:
        """By the index of each complete process."""

    @property
    def last_failure(self) -> str:
        """Why the newest process that failed did; "" where none has."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """What is searched: the first cell is the default, which every gain is held against."""

    cells: Sequence[Cell]
    objective: Objective
    budget_s: float
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """How one combination fared: a score a round; `dropped` in which round, from 1, or None; `error`: why it has none."""

    settings: Mapping[str, str]
    scores: tuple[float, ...] = ()
    dropped: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class Tuned:
    """What came out. `winner` and `tied` are places in `candidates`, of which the first is the default.

    `gain` is of the objective, `rates` of decode and prefill apart: winner over default on fresh processes, whose `records` are
    named (winner, default); None and empty where the default won, or could not be measured.
    """

    candidates: tuple[Candidate, ...]
    winner: int
    tied: tuple[int, ...]
    rounds: int
    elapsed_s: float
    gain: Gain | None = None
    rates: Mapping[str, Gain] = field(default_factory=dict)
    records: tuple[Path, ...] = ()


def tune(
    tuning: Tuning,
    kept: Kept,
    begin: Callable[[Request, Progress], Rated],
    progress: Progress,
    clock: Callable[[], float] = time.monotonic,
) -> Tuned:
    """Search, and measure the winner again.

    Raises `BadInput` where the budget can't hold one round and that, `RunFailed` where no candidate can be measured,
    `Interrupted` when the user stops it; what was measured is kept.
    """
    search = _Search(tuning, begin, progress, clock)
    search.begin_all()
    kept.write()
    decided, rounds = search.rounds()
    found = search.confirmed(decided, rounds)
    search.discard()
    kept.discard()
    return found


class _Search:
    def __init__(
        self,
        tuning: Tuning,
        begin: Callable[[Request, Progress], Rated],
        progress: Progress,
        clock: Callable[[], float],
    ) -> None:
        self._tuning, self._begin, self._progress, self._clock = tuning, begin, progress, clock
        self._together = Together(progress, len(tuning.cells))
        self._began = clock()
        self._runs: dict[int, Rated] = {}
        self._errors: dict[int, str] = {}
        self._dropped: dict[int, int] = {}
        self._measured, self._measuring_s = 0, 0.0

    def begin_all(self) -> None:
        """Check every candidate; one that does not fit, or can't be loaded, is left out."""
        cells = {
            place: replace(cell, request=replace(cell.request, processes=MOST_ROUNDS))
            for place, cell in enumerate(self._tuning.cells)
        }
        self._runs = begin_all(
            cells, self._begin, self._together, lambda place, failed: self._fail(place, failed.error)
        )
        self._together.measuring = True

    def rounds(self) -> tuple[Standing, int]:
        """Rounds over those that are left, until one is, or all are the same, or the budget is needed for the winner."""
        left, index = set(self._runs), 0
        while True:
            for place in order(len(self._tuning.cells), index, self._tuning.seed):
                if place in left and len(self._runs[place].complete) <= index:
                    self._turn(place)
            left -= self._errors.keys()
            rated = {place: attempted(partial(self._scores, place, index + 1), "") for place in sorted(left)}
            for place, found in rated.items():
                if isinstance(found, Failed):  # it gives no rate of what is to be fast
                    self._fail(place, found.error)
            left -= self._errors.keys()
            if not left:
                raise RunFailed(
                    f"no candidate can be measured: {next(iter(self._errors.values()))}",
                    where="tune",
                    fix="try repro bench",
                )
            decided = standing({place: found for place, found in rated.items() if not isinstance(found, Failed)})
            index += 1
            self._dropped |= dict.fromkeys(decided.dropped, index)
            left = set(decided.left)
            self._progress.remark(f"round {index}: {len(left)} of {count(len(self._tuning.cells), 'candidate')} left")
            if len(left) == 1 or decided.tied or index == MOST_ROUNDS or not self._fits(len(left)):
                return decided, index

    def _turn(self, place: int) -> None:
        run, cell = self._runs[place], self._tuning.cells[place]
        before, began = len(run.complete), self._clock()
        found = attempted(run.step, str(cell))
        if isinstance(found, Failed):
            self._fail(place, found.error)
        elif len(run.complete) == before:
            self._fail(place, run.last_failure or "its process failed")
        else:
            self._count(self._clock() - began)

    def _count(self, took_s: float) -> None:
        """How long a process takes, and after the first whether the budget is enough at all."""
        self._measured, self._measuring_s = self._measured + 1, self._measuring_s + took_s
        needed = self._process_s * (len(self._runs) + 2 * LEAST_PAIRS)
        if self._measured == 1 and needed > self._tuning.budget_s:
            raise BadInput(
                f"one round of {len(self._runs)} candidates, and the winner again, take about {needed:.0f} s",
                where=f"--budget {self._tuning.budget_s:.0f}",
                fix=f"give --budget {needed * 1.5:.0f} or more, or fewer values with -o; --resume keeps what was measured",
            )

    @property
    def _process_s(self) -> float:
        return self._measuring_s / self._measured if self._measured else 0.0

    @property
    def _elapsed_s(self) -> float:
        return self._clock() - self._began

    def _fits(self, candidates: int) -> bool:
        """Whether another round would leave the time for the winner."""
        return self._elapsed_s + self._process_s * (candidates + 2 * LEAST_PAIRS) <= self._tuning.budget_s

    def _fail(self, place: int, error: str) -> None:
        self._errors[place] = error
        self._together.failed(str(self._tuning.cells[place]), error)

    def _scores(self, place: int, rounds: int) -> tuple[float, ...]:
        found = list(
            self._runs[place].rates().values()
        )  # by their order: one that was interrupted has an index, and no rates
        return tuple(self._tuning.objective.score(rates) for rates in found[:rounds])

    def confirmed(self, decided: Standing, rounds: int) -> Tuned:
        """The winner again, against the default; nothing where that is the winner, or failed."""
        same = decided.tied and 0 in decided.left  # surely within 1 %: no option is worth a line
        winner = 0 if same else decided.leader
        tied = tuple(place for place in decided.left if place != winner)
        made = Tuned(self._candidates(rounds), winner, tied, rounds, self._elapsed_s)
        if winner == 0 or 0 in self._errors:
            return made
        fitting = int((self._tuning.budget_s - self._elapsed_s) / max(2 * self._process_s, 1e-9))
        pairs = min(max(fitting // 2 * 2, LEAST_PAIRS), MOST_PAIRS)
        self._progress.remark(
            f"measuring {self._tuning.cells[winner]} again, {pairs} processes each beside the default"
        )
        runs = self._pairs((winner, 0), pairs)
        ours, theirs = (list(run.rates().values()) for run in runs)
        rates = {}
        for name, weight in (("decode", 1.0), ("prefill", 0.0)):
            if all(getattr(one, name) for one in (*ours, *theirs)):
                rates[name] = _gain(ours, theirs, Objective(weight))
        claimed = _gain(ours, theirs, self._tuning.objective)
        records = tuple(run.conclude() for run in runs)
        return replace(made, gain=claimed, rates=rates, records=records, elapsed_s=self._elapsed_s)

    def _pairs(self, places: Sequence[int], pairs: int) -> list[Rated]:
        """Fresh runs of these candidates, their processes in turn. Raises `RunFailed` where one of them fails now."""
        together = Together(self._progress, len(places))
        runs = []
        for index, place in enumerate(places):
            cell = self._tuning.cells[place]
            seed = (cell.request.seed or 0) + _FRESH
            request = replace(cell.request, processes=pairs, seed=seed)
            runs.append(self._begin(request, together.of(index, str(cell))))
        together.measuring = True
        left, index = set(range(len(runs))), 0
        while left:
            for place in order(len(runs), index, self._tuning.seed):
                if place in left and len(runs[place].complete) <= index and not runs[place].step():
                    left.remove(place)
            index += 1
        return runs

    def _candidates(self, rounds: int) -> tuple[Candidate, ...]:
        made = []
        for place, cell in enumerate(self._tuning.cells):
            error, dropped = self._errors.get(place, ""), self._dropped.get(place)
            scores = () if error else self._scores(place, dropped or rounds)
            made.append(Candidate(cell.settings, scores, dropped, error))
        return tuple(made)

    def discard(self) -> None:
        """The search itself is no result: too few processes for an interval."""
        for run in self._runs.values():
            run.discard()


def _gain(ours: Sequence[Rates], theirs: Sequence[Rates], objective: Objective) -> Gain:
    """Pair by pair."""
    return gain([objective.score(one) for one in ours], [objective.score(one) for one in theirs])
