"""The charts of one record: distributions from its samples, curves from its results. Pure: values in, drawings out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from harness import units
from harness.measure.metrics import TrialMetrics, measure_trials
from harness.measure.trial import Purpose, Trial
from harness.record.curves import Curve, curves
from harness.record.schema import Estimate, Record
from harness.site.draw import charts
from harness.site.draw.charts import Chart

Values = NDArray[np.float64]


def of_samples(record: Record, trials: Sequence[Trial], prefix: str = "") -> list[Chart]:
    """Distributions of the headline's timed trials, and the first tokens of all workloads; `prefix` begins the ids in a page."""
    headline = record.suite.headline
    timed = [t for t in trials if t.workload == headline and t.purpose is Purpose.TIMED and t.valid]
    warm = [t for t in trials if t.workload == headline and t.purpose is Purpose.WARMUP and t.valid]
    measured, warming = measure_trials(timed), measure_trials(warm)
    found = []
    gaps = _by_process(timed, measured)
    if gaps:
        found.append(
            charts.box(
                gaps,
                title=f"Time between tokens (ITL) of {headline}, by process",
                fmt=units.duration,
                key=f"{prefix}itl",
            )
        )
        pooled = [("all processes", np.concatenate([values for _, values in gaps]))]
        found.append(
            charts.ecdf(
                pooled,
                title=f"Share of tokens that came within a time, {headline}",
                fmt=units.duration,
                key=f"{prefix}ecdf",
            )
        )
    traces, warmups = _matrix(measured), _matrix(warming)
    if traces is not None:
        same = warmups if warmups is not None and warmups.shape[1] == traces.shape[1] else None
        title = f"Time between tokens along the answer, {headline}"
        found.append(charts.trace(traces, same, title=title, fmt=units.duration, key=f"{prefix}trace"))
    first = [(name, values) for name, values in _ttfts(record, trials) if values.size]
    if first:
        found.append(
            charts.box(first, title="Time to first token (TTFT), by workload", fmt=units.duration, key=f"{prefix}ttft")
        )
    return found


def in_order(record: Record, trials: Sequence[Trial], prefix: str = "") -> Chart | None:
    """The headline's decode rate, trial after trial; None where no trial has one."""
    headline = record.headline
    if headline is None or headline.estimate is None:
        return None
    named = {trial.process: list[float]() for trial in trials}
    own = [t for t in trials if t.workload == record.suite.headline and t.purpose is Purpose.TIMED and t.valid]
    own.sort(key=lambda trial: (trial.process, trial.order))
    for trial, one in zip(own, measure_trials(own), strict=True):
        if one.decode_rate is not None:
            named[trial.process].append(one.decode_rate)
    groups = [(f"process {process + 1}", np.array(rates)) for process, rates in sorted(named.items())]
    _, low, high = scaled(headline.estimate, 1e6)
    interval = None if low is None or high is None else (low, high)
    title = f"Decode rate of {record.suite.headline}, trial after trial"
    return charts.trials(groups, interval, title=title, fmt=units.rate, key=f"{prefix}order")


def _by_process(timed: Sequence[Trial], measured: Sequence[TrialMetrics]) -> list[tuple[str, Values]]:
    groups: dict[int, list[Values]] = {}
    for trial, one in zip(timed, measured, strict=True):
        if one.itl is not None:
            groups.setdefault(trial.process, []).append(one.itl)
    return [(f"process {process + 1}", np.concatenate(own)) for process, own in sorted(groups.items())]


def _matrix(measured: Sequence[TrialMetrics]) -> Values | None:
    own = [one.itl for one in measured if one.itl is not None]
    same = [itl for itl in own if itl.size == own[0].size]
    return np.stack(same) if same else None


def _ttfts(record: Record, trials: Sequence[Trial]) -> Iterator[tuple[str, Values]]:
    for workload in record.workloads:
        own = [t for t in trials if t.workload == workload.id and t.purpose is Purpose.TIMED and t.valid]
        yield workload.id, np.array([m.ttft for m in measure_trials(own) if m.ttft is not None], dtype=np.float64)


def of_results(record: Record, prefix: str = "") -> list[Chart]:
    """A curve for each that the record holds: by requests at once, by depth."""
    return [_curve(one, f"{prefix}curve{number}") for number, one in enumerate(curves(record))]


def _curve(line: Curve, key: str) -> Chart:
    rate = line.result.unit == "micro_tokens_per_s"
    scale = 1e6 if rate else 1.0
    points = [(float(one.x), *scaled(one.estimate, scale)) for one in line.points]
    fmt: Callable[[float], str] = units.rate if rate else units.duration
    title = line.title[0].upper() + line.title[1:]
    label = "tokens/s" if rate else "time"
    return charts.curve(points, title=title, x_label=line.x_label, y_label=label, fmt=fmt, key=key)


def scaled(estimate: Estimate, by: float) -> tuple[float, float | None, float | None]:
    """Point, low and high of an estimate, divided."""
    low, high = (None if end is None else end / by for end in (estimate.low, estimate.high))
    return estimate.point / by, low, high
