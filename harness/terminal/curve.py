"""Throughput against concurrency, drawn in the terminal."""

from __future__ import annotations

from harness.record.schema import MetricResult, Record
from harness.terminal.bars import bar
from harness.units import quantity

WIDTH = 40


def curve(record: Record) -> list[str]:
    """One line a number of concurrent requests: throughput as a bar, and what one request then takes. Empty without any."""
    points = []
    for workload in record.workloads:
        found = record.result(workload.id, "throughput")
        if workload.concurrency is not None and found is not None and found.estimate is not None:
            points.append((workload.concurrency, workload.id, found, found.estimate.point))
    if not points:
        return []
    most = max(point for *_, point in points)
    lines = []
    for concurrency, name, found, point in sorted(points, key=lambda one: (one[0], one[1])):
        e2e, ttft = (_median(record.result(name, metric)) for metric in ("e2e", "ttft"))
        drawn = f"{bar(point / most, WIDTH):{WIDTH}} {quantity(point, found.unit):>12}"
        lines.append(f"{concurrency:5} {drawn}   a request: E2E {e2e}, TTFT {ttft}")
    return lines


def _median(result: MetricResult | None) -> str:
    return "–" if result is None or result.estimate is None else quantity(result.estimate.point, result.unit)
