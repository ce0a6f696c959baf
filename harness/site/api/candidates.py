"""A regression candidate in the words of the API; the command line prints the same."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from harness.measure.comparison import Comparison, Verdict
from harness.site.api import models
from harness.tiers.regressions import Change


class Pair(Protocol):
    """One operator's two records on one machine, the older one `before`; `comparison` is newer / older."""

    @property
    def before(self) -> str: ...  # noqa: D102
    @property
    def after(self) -> str: ...  # noqa: D102
    @property
    def before_row(self) -> str: ...  # noqa: D102
    @property
    def after_row(self) -> str: ...  # noqa: D102
    @property
    def operator(self) -> str: ...  # noqa: D102
    @property
    def device(self) -> str: ...  # noqa: D102
    @property
    def comparison(self) -> Comparison: ...  # noqa: D102


def candidate(change: Change, model_name: str, pairs: Sequence[Pair]) -> models.Candidate:
    """What is published of it. Persons may go by a handle that has nothing public: their handles are those of the pairs."""
    subject = change.subject
    return models.Candidate(
        label=change.label,
        verdict=models.Outcome(change.sign),
        axis=change.axis,
        value_before=change.before or None,
        value_after=change.after or None,
        subject=models.Subject(
            model_name or None, subject.model, subject.quantisation, subject.engine, subject.workload
        ),
        devices=tuple(sorted({pair.device for pair in pairs})),
        operators_faster=_operators(pairs, Verdict.FASTER),
        operators_slower=_operators(pairs, Verdict.SLOWER),
        persons_faster=len(change.faster),
        persons_slower=len(change.slower),
        pairs=tuple(map(_pair, pairs)),
    )


def _operators(pairs: Sequence[Pair], verdict: Verdict) -> tuple[str, ...]:
    return tuple(sorted({pair.operator for pair in pairs if pair.comparison.verdict is verdict}))


def _pair(pair: Pair) -> models.Pair:
    found = pair.comparison
    return models.Pair(
        record_before=pair.before,
        record_after=pair.after,
        row_before=pair.before_row,
        row_after=pair.after_row,
        operator=pair.operator,
        device=pair.device,
        ratio=found.ratio,
        ratio_low=found.low,
        ratio_high=found.high,
        confidence_level=found.level,
        verdict=models.Outcome(found.verdict),
    )
