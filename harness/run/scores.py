"""What a process of a run says of its settings: its rates, and one score of them for what is to be fast. Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.errors import RunFailed
from harness.measure.metrics import measure_trial
from harness.measure.workload import WorkloadPlan
from harness.run.execute.collect import ProcessLog


@dataclass(frozen=True, slots=True)
class Rates:
    """Of one process, tokens/s: medians over its timed trials of the headline, and of the longest prompt; None: it has none."""

    decode: float | None
    prefill: float | None


@dataclass(frozen=True, slots=True)
class Objective:
    """What is to be fast: `weight` of decode, 1 − weight of prefill, both as logs, so that per cent count alike."""

    weight: float

    def score(self, rates: Rates) -> float:
        """The weighted mean of the logs. Raises `RunFailed` where the runtime gives no rate that it needs."""
        parts = (("decode", self.weight, rates.decode), ("prefill", 1 - self.weight, rates.prefill))
        total = 0.0
        for name, weight, rate in parts:
            if weight and not rate:
                raise RunFailed(
                    f"this suite gives no {name} rate here", where="tune", fix="take another --suite or --for"
                )
            total += weight * math.log(rate) if weight and rate else 0.0
        return total


def rates_of(log: ProcessLog, headline: str, workloads: Sequence[WorkloadPlan]) -> Rates:
    """Of a complete process."""
    longest = max(workloads, key=lambda one: (len(one.prompt), one.id)).id
    return Rates(_median(log, headline, "decode_rate"), _median(log, longest, "prefill_rate"))


def _median(log: ProcessLog, workload: str, metric: str) -> float | None:
    found = [getattr(measure_trial(trial), metric) for trial in log.timed(workload)]
    known = [value for value in found if value is not None]
    return float(np.median(known)) if known else None
