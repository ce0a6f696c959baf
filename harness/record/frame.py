"""Records as a pandas DataFrame, one row for each (record, workload, metric)."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.record.schema import MetricResult, Record
from harness.record.store import Stored, find

if TYPE_CHECKING:
    import pandas

SCALE = {"micro_tokens_per_s": ("tokens/s", 1e-6), "ns": ("ms", 1e-6), "bytes": ("MiB", 1 / 2**20)}


def load_records(*paths: str | Path) -> pandas.DataFrame:
    """Every metric of the records at or below `paths`, in units for people: tokens/s, ms, MiB."""
    import pandas as pd

    return pd.DataFrame(rows(find([Path(path) for path in paths])), columns=list(COLUMNS))


COLUMNS = (
    "record model quantisation runtime runtime_version device suite workload mode prompt_tokens output_tokens "
    "metric unit point low high half_width processes trials cv_within cv_between "
    "mean sd min p5 p25 p50 p75 p90 p95 p99 max findings started_utc folder"
).split()


def rows(stored: Iterable[Stored]) -> list[dict[str, Any]]:
    """The frame's rows as plain values."""
    found = []
    for item in stored:
        shapes = {workload.id: workload for workload in item.record.workloads}
        for result in item.record.results:
            shape = shapes[result.workload]
            where = {
                "workload": result.workload,
                "mode": shape.mode,
                "prompt_tokens": shape.prompt_tokens,
                "output_tokens": shape.output_tokens,
            }
            found += [_row(item, metric, where) for metric in result.metrics]
        found += [_row(item, metric, {"workload": "(process)"}) for metric in item.record.process_results]
    return found


def _row(item: Stored, metric: MetricResult, where: dict[str, Any]) -> dict[str, Any]:
    record: Record = item.record
    unit, scale = SCALE[metric.unit]
    row: dict[str, Any] = dict.fromkeys(COLUMNS) | {
        "record": item.id,
        "model": record.model.get("name"),
        "quantisation": record.model.get("quantisation"),
        "runtime": record.runtime.name,
        "runtime_version": record.runtime.package,
        "device": ", ".join(device.description for device in record.runtime.devices),
        "suite": f"{record.suite.name}-v{record.suite.version}",
        "metric": metric.metric,
        "unit": unit,
        "findings": " ".join(sorted({f.code for f in record.findings if f.workload in ("", where["workload"])})),
        "started_utc": record.run.started_utc,
        "folder": item.path.parent.name,
    }
    row |= where
    if metric.estimate is not None:
        estimate = metric.estimate
        row |= {name: _scaled(getattr(estimate, name), scale) for name in ("point", "low", "high")}
        row |= {"processes": len(estimate.process_medians), "trials": estimate.n_trials}
        row["half_width"] = _scaled(estimate.half_width_ppm, 1e-6)
        row["cv_within"] = _scaled(estimate.cv_within_ppm, 1e-6)
        row["cv_between"] = _scaled(estimate.cv_between_ppm, 1e-6)
    sample = metric.tokens or metric.trials
    if sample is not None:
        row |= {name: _scaled(getattr(sample, name), scale) for name in ("mean", "sd", "min", "max")}
        row |= {f"p{p.percent}": _scaled(p.value, scale) for p in sample.percentiles}
    return row


def _scaled(value: int | None, scale: float) -> float | None:
    return None if value is None else value * scale
