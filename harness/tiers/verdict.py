"""The verdict of one reproduction against its hub: an interval against the band, never a point."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from harness.measure.comparison import Comparison, Verdict, compare
from harness.measure.student import LEAST_PROCESSES, t_quantile
from harness.tiers.policy import Policy
from harness.tiers.values import Mark, Measurement, Row, Status

MARKS = {Verdict.SAME: Mark.INSIDE, Verdict.FASTER: Mark.OUTSIDE, Verdict.SLOWER: Mark.OUTSIDE}
_SHOWN = (Status.ACCEPTED, Status.PENDING)


@dataclass(frozen=True, slots=True)
class Judged:
    """A mark with the comparison that made it; None for what is not reviewed yet."""

    mark: Mark
    comparison: Comparison | None


def compared(row: Row) -> Iterator[Measurement]:
    """The others that get a verdict: of the hub's subject, and not refused, sent back or withdrawn."""
    hub = row.hub
    return (r for r in row.others if r.status in _SHOWN and r.id != hub.id and r.subject == hub.subject)


def judge(hub: Measurement, record: Measurement, policy: Policy) -> Judged:
    """Inside, outside or inconclusive by the interval that carries both sides' uncertainty; pending before review."""
    if record.status is Status.PENDING:
        return Judged(Mark.PENDING, None)
    alpha = policy.alpha_fixed if hub.fixed_number and record.fixed_number else policy.alpha_looks
    found = compare(record.medians, hub.medians, (policy.band_low, policy.band_high), alpha)
    return Judged(MARKS.get(found.verdict, Mark.INCONCLUSIVE), found)


def half_width(processes: int, log_variance: float) -> float:
    """Half the 95 % interval of a headline, relative to the point; infinite where too few processes give none."""
    if processes < LEAST_PROCESSES:
        return math.inf
    margin = t_quantile(0.975, processes - 1) * math.sqrt(log_variance / processes)
    return math.sinh(margin) if margin < 700 else math.inf


def too_wide(processes: int, log_variance: float, policy: Policy | None) -> str:
    """Why nothing can be judged against a hub of such medians, in words; "" where it is precise enough, or there is no limit."""
    limit, found = None if policy is None else policy.hub_half_width, half_width(processes, log_variance)
    if limit is None or found <= limit:
        return ""
    told = "no interval" if math.isinf(found) else f"± {found:.1%}"
    return f"its headline has {told}, and a hub must be known to ± {limit:.1%}"
