"""Trials to the numbers of a record; `repro recompute` runs the same function over the stored samples. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.measure.aggregate import MetricSummary, WorkloadSummary, summarise
from harness.measure.depth import DepthFit
from harness.measure.estimate import estimate
from harness.measure.metrics import METRICS
from harness.measure.trial import Trial
from harness.record import schema
from harness.verify.quantities import UNITS, distribution_of, estimate_of
from harness.verify.token_ids import digest_of


def results(workloads: Sequence[str], trials: Sequence[Trial], clock: str) -> tuple[schema.WorkloadResult, ...]:
    """One result a workload, in the order given."""
    own: dict[str, list[Trial]] = {}
    for trial in trials:
        own.setdefault(trial.workload, []).append(trial)
    return tuple(_result(summarise(workload, own.get(workload, ())), clock) for workload in workloads)


def _result(summary: WorkloadSummary, clock: str) -> schema.WorkloadResult:
    return schema.WorkloadResult(
        workload=summary.workload,
        warmup=summary.warmup,
        timed=summary.timed,
        invalid=summary.invalid,
        deterministic=summary.deterministic,
        output_sha256=digest_of(summary.output_ids) if summary.output_ids else None,
        output_ids=summary.output_ids,
        metrics=tuple(_metric(entry, clock) for entry in summary.metrics),
        depth=None if summary.depth is None else _depth(summary.depth),
    )


def _depth(fit: DepthFit) -> schema.Depth:
    return schema.Depth(
        intercept_ns=round(fit.intercept_ns),
        slope_ps=round(fit.slope_ns * 1000),
        residual_cv_ppm=round(fit.residual_cv * 1e6),
    )


def _metric(entry: MetricSummary, clock: str) -> schema.MetricResult:
    facts = METRICS[entry.metric]
    unit, factor = UNITS[facts.unit]
    return schema.MetricResult(
        metric=entry.metric.value,
        unit=unit,
        higher_is_better=facts.higher_is_better,
        clock=clock,
        estimate=estimate_of(entry.estimate, factor),
        trials=distribution_of(entry.trials, factor),
        tokens=distribution_of(entry.tokens, factor),
    )


def process_result(metric: str, unit: schema.Unit, values: Sequence[int], clock: str) -> schema.MetricResult:
    """A metric with one value a process: load time, peak memory."""
    return schema.MetricResult(
        metric=metric,
        unit=unit,
        higher_is_better=False,
        clock=clock,
        estimate=estimate_of(estimate([np.array([float(value)]) for value in values]), 1.0),
        trials=None,
        tokens=None,
    )
