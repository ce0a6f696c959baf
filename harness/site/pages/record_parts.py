"""What a page says of one record, in words: its workloads, resources, settings and machine. Pure: a record in, texts out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from harness import units
from harness.record import settings as kinds
from harness.record.schema import Record, WorkloadResult

METRICS = ("decode_rate", "prefill_rate", "ttft", "itl", "e2e")


def workload(record: Record, result: WorkloadResult) -> dict[str, Any]:
    """A line of the table of workloads, in words."""
    shape = next(w for w in record.workloads if w.id == result.workload)
    metrics = {metric.metric: metric for metric in result.metrics}
    line: dict[str, Any] = {
        "id": result.workload, "title": shape.title, "mode": shape.mode, "timed": result.timed, "warmup": result.warmup,
        "shape": f"{shape.prompt_tokens} → {shape.output_tokens}", "headline": result.workload == record.suite.headline,
    }  # fmt: skip
    for name in METRICS:
        found = metrics.get(name)
        estimate = None if found is None else found.estimate
        line[name] = "–" if found is None or estimate is None else units.quantity(estimate.point, found.unit)
        wide = None if estimate is None else estimate.half_width_ppm
        line[f"{name}_width"] = units.half_width(wide)
    for percent in (50, 95, 99):
        spread = metrics["itl"].tokens if "itl" in metrics else None
        held = next((p.value for p in spread.percentiles if p.percent == percent), None) if spread else None
        line[f"itl_p{percent}"] = "–" if held is None else units.quantity(held, "ns")
    return line


def resources(record: Record) -> list[tuple[str, str]]:
    """Load time, memory, energy and bandwidth, or why they are not known."""
    names = {"load_time": "Model load", "peak_rss": "Peak memory of the process"}
    found = [
        (names.get(m.metric, m.metric), units.quantity(m.estimate.point, m.unit))
        for m in record.process_results
        if m.estimate is not None
    ]
    held, energy = (_part(record.derived.get(name)) for name in ("peak_device_memory", "energy_per_token"))
    if isinstance(held.get("value"), int):
        found.append(("Peak device memory", units.memory(held["value"])))
    joules = energy.get("value_nj")
    told = (
        f"{units.significant(joules / 1e9)} J"
        if isinstance(joules, int)
        else f"not known: {energy.get('reason', 'no meter')}"
    )
    found.append(("Energy a token, prefill included", told))
    use = record.derived.get("bandwidth_use_ppm")
    if isinstance(use, int):
        found.append(("Memory bandwidth used in decode", units.percent(use)))
    return found


def _part(value: Any) -> Mapping[str, Any]:
    """A part of `derived`, which nobody but its operator has vouched for."""
    return value if isinstance(value, Mapping) else {}


def settings(record: Record) -> list[tuple[str, str, str]]:
    """Name, value, and what the setting does."""
    runtime = record.runtime
    own = sorted((name, value) for name, value in runtime.settings.items() if value is not None)
    return [(name, str(value), str(kinds.kind_of(runtime.name, name))) for name, value in own]


def environment(record: Record) -> list[tuple[str, list[tuple[str, str]]]]:
    """What was captured of the machine, part by part: only what is known."""
    found = []
    for part, inside in sorted(record.environment.items()):
        lines = sorted(_leaves(inside, ()))
        if lines:
            found.append((part, [(" ".join(place).replace("_", " "), text) for place, text in lines]))
    return found


def _leaves(value: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, Mapping):
        if "value" in value:
            if value["value"] is not None:
                yield from _leaves(value["value"], place)
            return
        for name, inner in value.items():
            yield from _leaves(inner, (*place, str(name)))
    elif isinstance(value, list | tuple):
        if all(not isinstance(item, Mapping | list) for item in value):
            yield place, ", ".join(map(str, value))
        else:
            for number, item in enumerate(value, 1):
                yield from _leaves(item, (*place, str(number)))
    elif place and place[-1].endswith("bytes") and isinstance(value, int):
        yield place, units.memory(value)
    else:
        yield place, {True: "yes", False: "no"}.get(value, str(value)) if isinstance(value, bool) else str(value)
