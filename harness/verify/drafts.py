"""Speculative decoding in a run's samples: what drafts gave, and whether the record declares them. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.measure.counters import Account
from harness.measure.trial import Purpose, Trial
from harness.record.schema import Record
from harness.record.settings import tokens_a_pass


@dataclass(frozen=True, slots=True)
class Drafts:
    """Of the valid timed trials of a workload: passes over the weights, tokens proposed, and kept."""

    passes: int = 0
    drafted: int = 0
    accepted: int = 0

    @property
    def tokens_a_pass(self) -> float:
        """1 where nothing was drafted."""
        return 1 + self.accepted / self.passes if self.passes else 1.0


def of(trials: Sequence[Trial], workload: str) -> Drafts:
    """What the engine says of them."""
    own = [
        t.engine for t in trials if t.workload == workload and t.valid and t.purpose is Purpose.TIMED and _drafted(t)
    ]
    return Drafts(
        sum(engine.get(Account.DECODE_STEPS, 0) for engine in own),
        sum(engine.get(Account.DRAFT_TOKENS, 0) for engine in own),
        sum(engine[Account.ACCEPTED_TOKENS] for engine in own),
    )


def faults(record: Record, trials: Sequence[Trial]) -> Iterator[str]:
    """In what the drafts of the samples are not those that the record declares, or do not add up; the first of each kind."""
    most, told = tokens_a_pass(record), set()
    for trial in filter(_drafted, trials):
        passes, accepted = trial.engine.get(Account.DECODE_STEPS, 0), trial.engine[Account.ACCEPTED_TOKENS]
        drafted = trial.engine.get(Account.DRAFT_TOKENS, 0)
        kind = ""
        if most == 1:
            kind = "its tokens were drafted, and none of its settings says so"
        elif trial.valid and (accepted > drafted or passes + accepted != trial.output_tokens - 1):
            kind = "passes and accepted tokens of its drafts do not add up to its tokens"
        elif most is not None and drafted > (most - 1) * passes:
            kind = "it drafted more tokens than its settings say"
        if kind and kind not in told:
            told.add(kind)
            yield f"trial {trial.order} of process {trial.process}: {kind}"


def _drafted(trial: Trial) -> bool:
    return Account.ACCEPTED_TOKENS in trial.engine
