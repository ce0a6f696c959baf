"""Records as the rows of a table, one for each (record, workload, metric)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from harness.record import frame_columns, settings
from harness.record.schema import MetricResult, Record
from harness.record.store import Stored

SCALE = {"micro_tokens_per_s": ("tokens/s", 1e-6), "ns": ("ms", 1e-6), "bytes": ("MiB", 1 / 2**20)}


COLUMNS = tuple(column.name for column in frame_columns.COLUMNS)


def rows(stored: Iterable[Stored], verified: Mapping[Path, tuple[str, str]]) -> list[dict[str, Any]]:
    """The frame's rows as plain values; `verified` says by path whether a record holds (yes, no, not checked) and why not."""
    found: list[dict[str, Any]] = []
    for item in stored:
        start = len(found)
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
        answer, reason = verified.get(item.path, ("not checked", ""))
        for row in found[start:]:
            row |= {"verified": answer, "verified_reason": reason}
    return found


def _row(item: Stored, metric: MetricResult, where: dict[str, Any]) -> dict[str, Any]:
    record: Record = item.record
    unit, scale = SCALE[metric.unit]
    row: dict[str, Any] = dict.fromkeys(COLUMNS) | {
        "record": item.id,
        "model_name": record.model.get("name"),
        "quantisation": record.model.get("quantisation"),
        "runtime": record.runtime.name,
        "runtime_version": record.runtime.package,
        "device": ", ".join(device.description for device in record.runtime.devices),
        "suite": f"{record.suite.name}-v{record.suite.version}",
        "settings": settings.shown(record),
        "tuning": ", ".join(
            f"{axis.removeprefix('setting ')}={text}" for axis, text in settings.tuning(record).items()
        ),
        "metric": metric.metric,
        "unit": unit,
        "findings": " ".join(sorted({f.code for f in record.findings if f.workload in ("", where["workload"])})),
        "failed_checks": " ".join(sorted({check.code for check in record.checks if check.status == "fail"})),
        "started_utc": record.run.started_utc,
        "folder": item.path.parent.name,
    }
    row |= where
    if metric.estimate is not None:
        estimate = metric.estimate
        named = {"point": "point", "ci95_low": "low", "ci95_high": "high"}
        row |= {name: _scaled(getattr(estimate, own), scale) for name, own in named.items()}
        row |= {"processes": len(estimate.process_medians), "trials": estimate.n_trials}
        row["ci95_half_width_fraction"] = _scaled(estimate.half_width_ppm, 1e-6)
        row["cv_within"] = _scaled(estimate.cv_within_ppm, 1e-6)
        row["cv_between"] = _scaled(estimate.cv_between_ppm, 1e-6)
    sample = metric.tokens or metric.trials
    if sample is not None:
        row |= {name: _scaled(getattr(sample, name), scale) for name in ("mean", "sd", "min", "max")}
        row |= {f"p{p.percent}": _scaled(p.value, scale) for p in sample.percentiles}
    return row


def _scaled(value: int | None, scale: float) -> float | None:
    return None if value is None else value * scale
