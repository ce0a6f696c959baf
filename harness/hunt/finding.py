"""What is known of each candidate, and what the hunt comes to: folded from the batches that were measured. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from harness.hunt.batch import Batch
from harness.hunt.halving import Ended, Verdict
from harness.hunt.question import Question
from harness.measure.pair_looks import Look
from harness.measure.plural import count

MOST_DROPPED = 3  # batches of one candidate whose records' own checks failed


@dataclass(frozen=True, slots=True)
class Step:
    """One candidate against good. `ratio` is the metric's, candidate / good, with its interval at `level`; None: no look yet.

    `verdict` None: more pairs are needed. `dropped`: batches that were not used, each with why.
    """

    place: int
    name: str
    verdict: Verdict | None
    pairs: int = 0
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    level: float | None = None
    dropped: tuple[str, ...] = ()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """The whole answer: every candidate with a verdict, in their order."""

    question: Question
    steps: tuple[Step, ...]
    ended: Ended

    @property
    def first(self) -> Step | None:
        """The first that surely changed."""
        return next((one for one in self.steps if one.place == self.ended.first), None)

    def to_json(self) -> dict[str, Any]:
        """As JSON prints it."""
        names = [one.name for one in self.question.candidates]
        ended = self.ended
        return {
            "end": ended.end,
            "first": None if ended.first is None else names[ended.first],
            "last_unchanged": None if ended.last is None else names[ended.last],
            "between": [names[place] for place in ended.between],
            "steps": [asdict(one) for one in self.steps],
            "question": self.question.model_dump(mode="json"),
        }


def step_of(question: Question, place: int, batches: Sequence[Batch], skipped: str) -> Step:
    """What the batches say, look after look, until one of them ends it."""
    name = question.candidates[place].name
    if skipped:
        return Step(place, name, Verdict.SKIPPED, reason=skipped)
    rule, power = question.looks, question.orientation
    good: list[float] = []
    other: list[float] = []
    dropped: list[str] = []
    seen: Look | None = None
    first = next((one for one in batches if not one.dropped and not one.unfit), None)
    for batch in batches:
        if batch.unfit:
            return Step(place, name, Verdict.SKIPPED, reason=batch.unfit)
        if why := batch.dropped or ("" if first is None else batch.unlike(first)):
            dropped.append(why)
            continue
        good += [value**power for value in batch.good]
        other += [value**power for value in batch.other]
        seen = rule.look(other, good)
        if seen is not None and seen.answer is not None:
            return _seen(Step(place, name, Verdict(seen.answer.value)), seen, power, dropped)
    step = _seen(Step(place, name, None), seen, power, dropped)
    if len(dropped) < MOST_DROPPED:
        return step
    told = f"{count(len(dropped), 'batch was', 'batches were')} not to be used: {dropped[-1]}"
    return replace(step, verdict=Verdict.CANNOT_TELL, reason=told)


def _seen(step: Step, seen: Look | None, power: int, dropped: Sequence[str]) -> Step:
    if seen is None:
        return replace(step, dropped=tuple(dropped))
    low, high = sorted((seen.low**power, seen.high**power))
    return replace(
        step,
        pairs=seen.pairs,
        ratio=seen.ratio**power,
        low=low,
        high=high,
        level=seen.level,
        dropped=tuple(dropped),
    )


def verdicts(steps: Mapping[int, Step]) -> dict[int, Verdict]:
    """Of the candidates that have one."""
    return {place: one.verdict for place, one in steps.items() if one.verdict is not None}
