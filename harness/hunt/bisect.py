"""Leads a hunt: measure what halving asks for, beside good, until it ends. All that it knows is on disk."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from harness.errors import (
    BadInput,
    Conflict,
    EngineFailed,
    Interrupted,
    NotEnoughSpace,
    ReproError,
    RunFailed,
    Unavailable,
    one_line,
)
from harness.hunt.beside import Begin, Side, SideFailed, measure, side, waiting_alone
from harness.hunt.finding import Finding, Step, step_of, verdicts
from harness.hunt.halving import Ended, Verdict, following, steps
from harness.hunt.question import Candidate, Question
from harness.hunt.ready import ready
from harness.hunt.state import State
from harness.measure.pair_looks import BATCH
from harness.progress import Progress
from harness.record.keys import Signers
from harness.run.request import Request
from harness.units import interval, ratio

Ready = Callable[[Question, Candidate, Path, Progress], Request]
Compare = Callable[[tuple[Side, Side], int, Begin, Progress], object]
Alone = Callable[[Progress], AbstractContextManager[None]]


class Hunt:
    """One hunt. `begin` begins a run (a `Session`), `prepare` makes a candidate ready, `compare` measures a batch alone."""

    def __init__(
        self,
        state: State,
        cache: Path,
        signers: Signers | None,
        begin: Begin,
        progress: Progress,
        prepare: Ready = ready,
        compare: Compare = measure,
        alone: Alone = waiting_alone,
    ) -> None:
        self._state, self._question, self._cache = state, state.question, cache
        self._signers, self._begin, self._progress = signers, begin, progress
        self._prepare, self._compare, self._alone = prepare, compare, alone
        self._last = len(self._question.candidates) - 1
        self._good: Request | None = None

    def run(self) -> Finding:
        """To its end. Raises `RunFailed` where good or bad can't be measured, `Interrupted`; what was measured is kept."""
        while True:
            known = {place: self._step(place) for place in range(1, self._last + 1)}
            bad = known[self._last]
            if bad.verdict is Verdict.SKIPPED:
                raise RunFailed(bad.reason, where=bad.name, fix="name another --bad")
            todo = following(self._last + 1, verdicts(known))
            if isinstance(todo, Ended):
                told = tuple(one for one in known.values() if one.verdict is not None)
                finding = Finding(self._question, told, todo)
                self._state.conclude(finding.to_json())
                return finding
            self._measure(todo.place, sum(one.verdict is not None for one in known.values()))

    def _step(self, place: int) -> Step:
        return step_of(self._question, place, self._state.batches(place), self._state.skipped(place))

    def _measure(self, place: int, known: int) -> None:
        """Batches beside good until there is a verdict, or it is noted why there can be none."""
        candidate, good = self._question.candidates[place], self._question.candidates[0]
        most = steps(self._last + 1)
        self._progress.stage(f"{candidate.name} against {good.name}: comparison {known + 1}, about {most} in all")
        requests = self._ready(place)
        if requests is None:
            return
        while (step := self._step(place)).verdict is None:
            if step.pairs or step.dropped:
                self._tell(step)
            if not self._one_batch(place, len(self._state.batches(place)) + 1, requests):
                return
        self._tell(step)

    def _ready(self, place: int) -> tuple[Request, Request] | None:
        """Requests of good and of the candidate; None where that can't be had, which is noted."""
        if self._good is None:
            good = self._question.candidates[0]
            try:
                self._good = self._prepare(self._question, good, self._cache, self._progress)
            except (Interrupted, NotEnoughSpace, Conflict, Unavailable):
                raise
            except (BadInput, RunFailed) as error:
                raise _unmeasurable(good.name, error) from None
        try:
            other = self._prepare(self._question, self._question.candidates[place], self._cache, self._progress)
        except (Interrupted, NotEnoughSpace, Conflict, Unavailable):
            raise
        except (BadInput, RunFailed) as error:
            self._skip(place, error)
            return None
        return self._good, other

    def _one_batch(self, place: int, number: int, requests: tuple[Request, Request]) -> bool:
        """Whether it was measured; where the candidate can't be, that is noted."""
        seed = self._question.seed + 1000 * place + number
        one, two = (
            side(
                self._question.candidates[at].name,
                request,
                self._state.side_folder(place, number, index),
                BATCH,
                seed,
                self._signers,
            )
            for index, (at, request) in enumerate(zip((0, place), requests, strict=True))
        )
        try:
            with self._alone(self._progress):
                self._compare((one, two), seed, self._begin, self._progress)
        except SideFailed as failed:
            if failed.side == 0:
                raise _unmeasurable(self._question.candidates[0].name, failed.error) from None
            self._skip(place, failed.error)
            return False
        return True

    def _skip(self, place: int, error: ReproError) -> None:
        """Note it; without bad there is nothing to hunt for."""
        if place == self._last:
            raise _unmeasurable(self._question.candidates[place].name, error)
        self._state.skip(place, one_line(str(error)))
        self._progress.remark(f"{self._question.candidates[place].name} is skipped: {error}")

    def _tell(self, step: Step) -> None:
        if step.ratio is None:
            why = step.dropped[-1] if step.dropped else step.reason
            self._progress.remark(f"{step.name}: not to be used: {why}")
            return
        verdict = "more pairs are needed" if step.verdict is None else str(step.verdict).replace("_", " ")
        told = f"{ratio(step.ratio)} ({interval(step.low, step.high)}) after {step.pairs} pairs"
        self._progress.remark(f"{step.name}: {told}: {verdict}")


def _unmeasurable(name: str, error: ReproError) -> ReproError:
    """Of good or bad: the words were right, and there is no hunt all the same."""
    if isinstance(error, EngineFailed):  # it names its record
        return error
    where = f"{name}, {error.where}" if error.where and error.where != name else name
    return RunFailed(f"can't be measured: {error.what}", where=where, fix=error.fix)
