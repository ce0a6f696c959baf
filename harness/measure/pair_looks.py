"""Is one thing slower than another, from pairs of processes that took turns: a sequential test with its error shared. Pure.

It looks after numbers of pairs that are fixed beforehand, and at no others. Each look asks Student's interval of the mean
log ratio (`compare_pairs`, exact for normal logs) at α / looks to either side: by Bonferroni's inequality the answer *changed* or
*unchanged* is wrong in at most α of all questions, whichever look ends it. What crosses the edge at the last look can't be told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from harness.errors import BadInput
from harness.measure.comparison import compare_pairs

BATCH = 4  # pairs from look to look: two orders and their reverses
LOOKS = (4, 8, 12, 16, 20, 24)


class Answer(StrEnum):
    """Whether the first is slower than the second by more than the band allows."""

    CHANGED = "changed"
    UNCHANGED = "unchanged"
    CANNOT_TELL = "cannot_tell"


@dataclass(frozen=True, slots=True)
class Look:
    """What one look saw: the ratio first / second with its interval at `level`. `answer` None: more pairs are needed."""

    answer: Answer | None
    pairs: int
    ratio: float
    low: float
    high: float
    level: float


@dataclass(frozen=True, slots=True)
class PairLooks:
    """`band`: by what share the first may be slower and still count as unchanged; `alpha`: of one question, one-sided."""

    band: float
    alpha: float
    looks: tuple[int, ...] = LOOKS

    def __post_init__(self) -> None:
        if not 0 < self.band < 0.5 or not 0 < self.alpha < 0.5:
            raise BadInput(f"a band of {self.band} with alpha {self.alpha}", where="looks", fix="use a band below 0.5")
        if not self.looks or sorted(set(self.looks)) != list(self.looks) or self.looks[0] < BATCH:
            raise BadInput(f"looks after {self.looks} pairs", where="looks", fix=f"give rising counts from {BATCH} on")

    def look(self, first: Sequence[float], second: Sequence[float]) -> Look | None:
        """At speeds (more is faster), shapes (n,), `first[i]` and `second[i]` of one round; None where n is not one of the looks.

        Raises `RecordInvalid` for values that are not positive.
        """
        pairs = len(first)
        if pairs not in self.looks:
            return None
        share = self.alpha / len(self.looks)
        seen = compare_pairs(first, second, alpha=share)
        if seen.ratio is None or seen.low is None or seen.high is None:  # no look comes after so few pairs
            raise BadInput(f"{pairs} pairs have no interval", where="looks", fix=f"look after {BATCH} or more")
        return Look(self._answer(pairs, seen.low, seen.high), pairs, seen.ratio, seen.low, seen.high, seen.level)

    def _answer(self, pairs: int, low: float, high: float) -> Answer | None:
        edge = 1 - self.band
        if high < edge:
            return Answer.CHANGED
        if low >= edge:
            return Answer.UNCHANGED
        return Answer.CANNOT_TELL if pairs >= self.looks[-1] else None


def looks_until(most: int) -> tuple[int, ...]:
    """After every batch, to `most` pairs, a multiple of a batch. Raises `BadInput` for another number."""
    if most < BATCH or most % BATCH:
        raise BadInput(f"{most} must be a multiple of {BATCH}", where="--pairs", fix=f"give {BATCH}, {2 * BATCH} …")
    return tuple(range(BATCH, most + 1, BATCH))
