"""Verdicts on prefill rate and time to the first token against a row: shown beside the headline's, never counted."""

from __future__ import annotations

from dataclasses import dataclass

from harness.measure.comparison import Comparison, compare
from harness.measure.stopping import Rule
from harness.record import envelope
from harness.record.schema import Record
from harness.record.statement import record_of
from harness.registry.db.reader import Reader
from harness.registry.facts import RecordFact
from harness.tiers.policy import Policy
from harness.tiers.values import Mark
from harness.tiers.verdict import MARKS

METRICS = {"prefill_rate": "prefill rate", "ttft": "time to first token"}


def record_in(reader: Reader, identity: str) -> Record | None:
    """The record with that id; None where the registry has it not, or no more, or other bytes in its place."""
    fact = reader.get(RecordFact, identity)
    data = None if fact is None else reader.body(fact.envelope_sha256)
    if data is None:
        return None
    record, own = record_of(envelope.read(data, "record").payload, "record")
    return record if own == identity else None  # other bytes were put in its place


@dataclass(frozen=True, slots=True)
class Beside:
    """One of them."""

    metric: str
    mark: Mark
    comparison: Comparison

    def __str__(self) -> str:
        made = self.comparison
        interval = "" if made.low is None else f" [{made.low:.3f}, {made.high:.3f}]"
        ratio = "–" if made.ratio is None else f"{made.ratio:.3f}"
        return f"{METRICS[self.metric]} {ratio}{interval}: {self.mark}"


def beside(hub: Record, record: Record, policy: Policy) -> list[Beside]:
    """Of each metric that both have of the headline workload."""
    fixed = all(one.run.stop_rule == Rule.FIXED.value for one in (hub, record))
    found = []
    for metric in METRICS:
        ours, theirs = (one.result(hub.suite.headline, metric) for one in (record, hub))
        if ours is None or theirs is None or ours.estimate is None or theirs.estimate is None:
            continue
        band = (policy.band_low, policy.band_high)
        made = compare(
            ours.estimate.process_medians,
            theirs.estimate.process_medians,
            band,
            policy.alpha_fixed if fixed else policy.alpha_looks,
            higher_is_better=ours.higher_is_better,
        )
        found.append(Beside(metric, MARKS.get(made.verdict, Mark.INCONCLUSIVE), made))
    return found
