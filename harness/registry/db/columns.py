"""A row of the table `records` as the rules look at it. Imports no schema: what reads a registry starts fast."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from functools import lru_cache
from typing import Any

from harness.measure.logs import Logs
from harness.tiers.values import HardwareClass, Measurement, Source, Status, Subject


@lru_cache(maxsize=65536)
def _subject(model: str, quantisation: str, engine: str, workload: str) -> Subject:
    return Subject(model, quantisation, engine, workload)


@lru_cache(maxsize=65536)
def _hardware(sku: str, generation: str, os_family: str, series: str) -> HardwareClass:
    return HardwareClass(sku, generation, os_family, series)


_STATUS = {status.value: status for status in Status}
# In the order in which `measurement` takes them.
COLUMNS = (
    "row", "id", "status", "operator", "rig", "model", "quantisation", "engine", "workload", "sku", "generation", "os_family",
    "runtime_series", "processes", "log_mean", "log_variance", "medians", "measured", "fixed_number", "missing", "failed",
    "editorial",
)  # fmt: skip


def measurement(
    values: tuple[Any, ...],
    source: Callable[[str, bool], Source],
    behind: Callable[[str, str], int],
    *,
    with_medians: bool = True,
) -> tuple[str, Measurement, Logs]:
    """(row, measurement, logs) of a table's row, its `COLUMNS`. `source` tells an operator's, `behind` a series' drift."""
    (row, identity, status, operator, rig, model, quantisation, engine, workload, sku, generation, os_family, series,
     processes, mean, variance, medians, measured, fixed, missing, failed, editorial) = values  # fmt: skip
    logs = Logs(processes, mean, variance)
    one = Measurement(
        identity,
        operator,
        rig,
        _subject(model, quantisation, engine, workload),
        _hardware(sku, generation, os_family, series),
        tuple([int(text) / 1e6 for text in medians.split(",")]) if with_medians else (),
        date.fromisoformat(measured),
        source(operator, bool(editorial)),
        _STATUS[status],
        bool(fixed),
        tuple(missing.split("; ")) if missing else (),
        tuple(failed.split("; ")) if failed else (),
        behind(engine, series),
        logs,
    )
    return row, one, logs
