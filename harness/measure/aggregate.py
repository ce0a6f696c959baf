"""A workload's trials as its summary: every metric's estimate and distributions. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.measure.depth import DepthFit, fit_depths
from harness.measure.distribution import Distribution, distribution, lag1_autocorrelation
from harness.measure.estimate import Estimate, estimate
from harness.measure.metrics import METRICS, Metric, TrialMetrics, measure_trials
from harness.measure.order import median
from harness.measure.trial import Mode, Purpose, Trial

__all__ = ["MetricSummary", "WorkloadSummary", "summarise"]


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """One metric; `trials` is over one value a trial, `tokens` over every token of per-token metrics (else None)."""

    metric: Metric
    estimate: Estimate | None
    trials: Distribution | None
    tokens: Distribution | None


@dataclass(frozen=True, slots=True)
class WorkloadSummary:
    """All that the valid timed trials of one workload say; `deterministic` is None without greedy output to compare."""

    workload: str
    warmup: int
    timed: int
    invalid: int
    deterministic: bool | None
    output_ids: tuple[int, ...]
    metrics: tuple[MetricSummary, ...]
    depth: DepthFit | None  # medians over the trials of t = a + b·k; None below 8 tokens

    def metric(self, metric: Metric) -> MetricSummary | None:
        """One of them, if it is defined here."""
        return next((entry for entry in self.metrics if entry.metric is metric), None)


def summarise(workload: str, trials: Sequence[Trial]) -> WorkloadSummary:
    """The summary of one workload's trials, those of other workloads ignored.

    Warm-ups, distinct prompts and invalid trials are counted and enter nothing. Raises `RecordInvalid` for damaged stamps.
    """
    own = [trial for trial in trials if trial.workload == workload]
    timed = [trial for trial in own if trial.purpose is Purpose.TIMED]
    valid = [trial for trial in timed if trial.valid]
    measured = measure_trials(valid)
    by_process: dict[int, list[TrialMetrics]] = {}
    for one, trial in zip(measured, valid, strict=True):
        by_process.setdefault(trial.process, []).append(one)
    rows = [own for _, own in sorted(by_process.items())]
    outputs = {tuple(trial.output_ids) for trial in valid if trial.mode is Mode.GREEDY and len(trial.output_ids)}
    return WorkloadSummary(
        workload=workload,
        warmup=sum(trial.purpose is Purpose.WARMUP for trial in own),
        timed=len(timed),
        invalid=len(timed) - len(valid),
        deterministic=len(outputs) == 1 if outputs else None,
        output_ids=tuple(valid[0].output_ids) if outputs else (),
        metrics=tuple(entry for metric in METRICS if (entry := _summary(metric, rows)).estimate is not None),
        depth=_depth(valid, measured),
    )


def _depth(valid: Sequence[Trial], measured: Sequence[TrialMetrics]) -> DepthFit | None:
    by_length: dict[int, list[tuple[NDArray[np.float64], int]]] = {}
    for one, trial in zip(measured, valid, strict=True):
        if one.itl is not None:
            by_length.setdefault(one.itl.size, []).append((one.itl, trial.prompt_tokens))
    fits = [
        fit
        for own in by_length.values()
        for fit in fit_depths(np.stack([itl for itl, _ in own]), np.array([depth for _, depth in own]))[0]
    ]
    if not fits:
        return None
    values = np.array([(fit.intercept_ns, fit.slope_ns, fit.residual_cv) for fit in fits])
    return DepthFit(*map(median, values.T))


def _summary(metric: Metric, rows: Sequence[Sequence[TrialMetrics]]) -> MetricSummary:
    by_process = [
        np.array([value for trial in row if (value := trial.scalar(metric)) is not None], dtype=np.float64)
        for row in rows
    ]
    pooled = np.concatenate(by_process) if by_process else np.zeros(0)
    return MetricSummary(
        metric=metric,
        estimate=estimate(by_process),
        trials=distribution(pooled),
        tokens=_tokens(metric, rows) if METRICS[metric].per_token else None,
    )


def _tokens(metric: Metric, rows: Sequence[Sequence[TrialMetrics]]) -> Distribution | None:
    arrays: list[NDArray[np.float64]] = [
        values for row in rows for trial in row if (values := getattr(trial, metric.value)) is not None
    ]
    if not arrays:
        return None
    lengths = {array.size for array in arrays}
    matrices = [np.stack([array for array in arrays if array.size == length]) for length in sorted(lengths)]
    # Tokens of a trial are not independent: the sample is worth n(1 − ρ)/(1 + ρ), with ρ ≥ 0 of what is left when the
    # growth with the depth of the cache is taken away.
    residuals = [fit_depths(matrix, np.zeros(len(matrix), np.int64))[1] for matrix in matrices]
    return distribution(np.concatenate(arrays), max(lag1_autocorrelation(residuals), 0.0))
