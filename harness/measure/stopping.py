"""When a run has enough processes: small rules fed with numbers, one verdict each time. Never starts or stops anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from harness.errors import BadInput
from harness.measure.comparison import BAND, Verdict, compare
from harness.measure.estimate import Estimate, estimate
from harness.measure.plural import count

__all__ = ["ALPHA", "LOOKS", "TARGET", "Decision", "FixedNumber", "Rule", "SequentialLooks", "out_of_budget"]

# 3 decide a quiet machine; 8 hold a between-process sd of 2.4 % at the target; each costs a model load.
LOOKS = (3, 5, 8)
ALPHA = 0.02  # one-sided, at each look: three looks together keep a false "same" at the edge below 5 % (simulated)
TARGET = 0.02  # 95 % half-width: a fifth of the ±10 % band, so precision leaves room for a verdict


class Rule(StrEnum):
    """Why a run stopped, or that it goes on. Written into the record."""

    PRECISE = "precise"
    PRECISE_AND_DECIDED = "precise_and_decided"
    BUDGET = "budget"
    MAX_PROCESSES = "max_processes"
    FIXED = "fixed"
    GO_ON = "go_on"


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether to stop, by which rule, and in figures why. A run that stops without `precise` carries *imprecise*."""

    stop: bool
    rule: Rule
    precise: bool
    detail: str


@dataclass(frozen=True, slots=True)
class SequentialLooks:
    """Looks after a few process counts; stops when precise and, where there is a baseline, off the band's edges.

    `baseline_medians` are the process medians of the baseline (`--against`) in the unit of ours; empty without one.
    """

    looks: tuple[int, ...] = LOOKS
    alpha: float = ALPHA
    target: float = TARGET
    baseline_medians: tuple[float, ...] = ()
    band: tuple[float, float] = BAND

    def __post_init__(self) -> None:
        if not self.looks or sorted(set(self.looks)) != list(self.looks) or self.looks[0] < 1:
            raise BadInput(f"checks after {self.looks} processes", where="stopping rule", fix="give rising counts")

    def decide(
        self,
        process_medians: Sequence[float],
        elapsed_s: float,
        budget_s: float | None,
        expected_process_s: float,
    ) -> Decision:
        """What to do after the processes so far. The first process is always run; a look that the budget cannot hold never.

        Between looks nothing is tested: only the budget can end the run there.
        """
        return _decide(self, process_medians, elapsed_s, budget_s, expected_process_s)

    @property
    def first(self) -> str:
        """What is awaited where there is no process yet."""
        return f"no process yet, first check after {self.looks[0]}"

    def ends(self, process_medians: Sequence[float], precise: bool, width: str) -> Decision | None:
        """The end by this rule, after one process or more; None where it goes on."""
        n = len(process_medians)
        if n in self.looks or n > self.looks[-1]:
            verdict = self._verdict(process_medians)
            if precise and verdict is None:
                return Decision(True, Rule.PRECISE, True, width)
            if precise and verdict is not Verdict.CANNOT_TELL:
                return Decision(True, Rule.PRECISE_AND_DECIDED, True, f"{width}; against the baseline: {verdict}")
        if n >= self.looks[-1]:
            return Decision(
                True, Rule.MAX_PROCESSES, precise, f"{width}; {count(n, 'process is', 'processes are')} the most"
            )
        return None

    def following(self, processes: int) -> int:
        """After how many processes something is decided next."""
        return self.goal(processes)

    def goal(self, processes: int) -> int:
        """How many processes the next look comes after."""
        return next((look for look in self.looks if look > processes), self.looks[-1])

    def _verdict(self, process_medians: Sequence[float]) -> Verdict | None:
        if not self.baseline_medians:
            return None
        return compare(process_medians, self.baseline_medians, self.band, self.alpha).verdict


@dataclass(frozen=True, slots=True)
class FixedNumber:
    """A number of processes chosen beforehand (`--processes N`): no look, so no price for looking."""

    processes: int
    target: float = TARGET

    def __post_init__(self) -> None:
        if self.processes < 1:
            raise BadInput(
                f"{count(self.processes, 'process', 'processes')}", where="--processes", fix="give 1 or more"
            )

    def decide(
        self,
        process_medians: Sequence[float],
        elapsed_s: float,
        budget_s: float | None,
        expected_process_s: float,
    ) -> Decision:
        """What to do after the processes so far. A budget, where given, ends the run before a process it cannot hold."""
        return _decide(self, process_medians, elapsed_s, budget_s, expected_process_s)

    @property
    def first(self) -> str:
        """What is awaited where there is no process yet."""
        return f"no process yet of {self.processes}"

    def ends(self, process_medians: Sequence[float], precise: bool, width: str) -> Decision | None:
        """The end by this rule; None where it goes on."""
        n = len(process_medians)
        if n < self.processes:
            return None
        return Decision(True, Rule.FIXED, precise, f"{width}; {count(n, 'process', 'processes')} as asked")

    def following(self, processes: int) -> int:
        """After how many processes something is decided next: the budget, before each."""
        return processes + 1

    def goal(self, processes: int) -> int:
        """How many processes there will be."""
        return max(self.processes, processes)


def _decide(
    rule: SequentialLooks | FixedNumber,
    process_medians: Sequence[float],
    elapsed_s: float,
    budget_s: float | None,
    expected_process_s: float,
) -> Decision:
    """One decision from what is known so far, for a run that begins and for one that is resumed alike."""
    n = len(process_medians)
    if n == 0:
        return Decision(False, Rule.GO_ON, False, rule.first)
    known = _estimate(process_medians)
    precise, width = _is_precise(known, rule.target), _width(known, rule.target)
    end = rule.ends(process_medians, precise, width)
    if end is not None:
        return end
    following = rule.following(n)
    needed_s = elapsed_s + (following - n) * expected_process_s
    if budget_s is not None and needed_s > budget_s:
        text = f"{width}; {following} processes would end at {needed_s:.0f} s, the budget is {budget_s:.0f} s"
        return Decision(True, Rule.BUDGET, precise, text)
    return Decision(False, Rule.GO_ON, precise, f"{width}; next after {following} processes")


def out_of_budget(process_medians: Sequence[float], target: float, why: str) -> Decision:
    """The end of a run of one process or more that shares its budget with others."""
    known = _estimate(process_medians)
    return Decision(True, Rule.BUDGET, _is_precise(known, target), f"{_width(known, target)}; {why}")


def _estimate(process_medians: Sequence[float]) -> Estimate | None:
    return estimate([np.array([median]) for median in process_medians])


def _is_precise(known: Estimate | None, target: float) -> bool:
    return known is not None and known.decides and known.half_width is not None and known.half_width <= target


def _width(known: Estimate | None, target: float) -> str:
    if known is None or known.half_width is None:
        return f"no interval from one process, target ±{target:.1%}"
    return f"95 % half-width ±{known.half_width:.2%} after {known.n_processes} processes, target ±{target:.1%}"
