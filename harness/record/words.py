"""A record in a few words: what was measured, its rates with their intervals. Pure; whether to trust them is not said here."""

from __future__ import annotations

from harness.measure.plural import count
from harness.record.outcome import line
from harness.record.schema import MetricResult, Record
from harness.units import half_width, quantity

HEAD = ("workload", "tokens in → out", "decode", "", "prefill", "", "TTFT", "E2E")


def subject(record: Record) -> str:
    """Model, engine and device in one line."""
    model, runtime = record.model, record.runtime
    quantisation = str(model.get("quantisation") or "")
    name = f"{model.get('name')} ({quantisation})" if quantisation else str(model.get("name"))
    devices = runtime.devices or (record.failure.devices if record.failure is not None else None) or ()
    device = ", ".join(dict.fromkeys(one.description or one.name for one in devices))
    version = "(version not told)" if runtime.version.startswith("not told") else runtime.version
    return f"{name} with {runtime.name} {version}".rstrip() + (f" on {device}" if device else "")


def prefill_of(record: Record) -> tuple[str, MetricResult] | None:
    """The prefill rate with the longest prompt that has one, and its workload."""
    for workload in sorted(record.workloads, key=lambda one: -one.prompt_tokens):
        found = record.result(workload.id, "prefill_rate")
        if found is not None and found.estimate is not None:
            return workload.id, found
    return None


def with_interval(found: MetricResult, called: str = "") -> str:
    """`69.88 tok/s (64.11 to 76.16)`; the interval may be `called` what it is. Without one, that is said."""
    estimate = found.estimate
    if estimate is None:
        return "–"
    shown = quantity(estimate.point, found.unit)
    if estimate.low is None or estimate.high is None:
        return f"{shown} (no interval)"
    low, high = quantity(estimate.low, found.unit), quantity(estimate.high, found.unit)
    number, _, unit = low.rpartition(" ")
    if not high.endswith(f" {unit}"):
        number = low
    return f"{shown} ({called}{number} to {high.rpartition(' ')[0] if number != low else high})"


def rates(record: Record) -> str:
    """Decode of the headline, prefill of the longest prompt, the best throughput; of a failed run why there is none."""
    if record.failure is not None:
        return line(record.failure)
    parts = []
    if record.headline is not None and record.headline.estimate is not None:
        parts.append(f"decode {with_interval(record.headline, '95 % interval ')} in {record.suite.headline}")
    prefill = prefill_of(record)
    if prefill is not None:
        parts.append(f"prefill {with_interval(prefill[1])} in {prefill[0]}")
    crowds = [
        (workload.concurrency, found)
        for workload in record.workloads
        if workload.concurrency is not None and (found := record.result(workload.id, "throughput")) is not None
    ]
    best = max((one for one in crowds if one[1].estimate is not None), key=_point, default=None)
    if best is not None:
        parts.append(f"throughput up to {with_interval(best[1])} at {count(best[0], 'request')} at once")
    return ", ".join(parts) or "no rate"


def _point(one: tuple[int, MetricResult]) -> int:
    estimate = one[1].estimate
    return 0 if estimate is None else estimate.point


def spoilt(record: Record) -> tuple[str, ...]:
    """What must stand above any number of the record, as it says itself."""
    found = ["SYNTHETIC: made by a simulated runtime, not a measurement"] if record.run.synthetic else []
    invalid = [one for one in record.findings if one.severity == "invalid"]
    if invalid:
        failed = [check.code for check in record.checks if check.status == "fail"]
        codes = dict.fromkeys([*failed, *(one.code for one in invalid if one.code != "check_failed")])
        found.append(f"FAILED CHECKS: {', '.join(codes)}; do not use this number")
    return tuple(found)


def table(record: Record) -> tuple[tuple[str, ...], ...]:
    """A line a workload, under `HEAD`."""
    shapes = {workload.id: workload for workload in record.workloads}
    lines = []
    for result in record.results:
        found = {metric.metric: metric for metric in result.metrics}
        cells = []
        for name in ("decode_rate", "prefill_rate", "ttft", "e2e"):
            one = found.get(name)
            estimate = None if one is None else one.estimate
            cells.append("–" if one is None or estimate is None else quantity(estimate.point, one.unit))
            if name.endswith("_rate"):
                cells.append("" if estimate is None else half_width(estimate.half_width_ppm))
        shape = shapes.get(result.workload)
        lengths = "–" if shape is None else f"{shape.prompt_tokens} → {shape.output_tokens}"
        lines.append((result.workload, lengths, *cells))
    return tuple(lines)
