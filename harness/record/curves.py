"""What a record measured along an axis: requests at once, the depth of the KV cache, the length of the prompt. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from harness.record.schema import Estimate, MetricResult, Record, Workload

# `tg64@d4096`: what follows is the number of tokens that stand in the cache before.
_AT_DEPTH = re.compile(r"(.+)@d([0-9]{1,9})")
_PROMPTS = "prompt tokens"
_LEAST_PROMPTS = 3  # two lengths are no curve: most suites have a short and a long prompt
_ALONG = {"throughput": "throughput", "ttft": "time to first token", "decode_rate": "decode", "prefill_rate": "prefill"}


@dataclass(frozen=True, slots=True)
class Point:
    """One workload's place on the axis, in `x`, and its estimate in the curve's unit."""

    x: int
    workload: str
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class Curve:
    """Two or more points, in the order of x. `result` has the metric's unit, `family` what the workloads have in common."""

    metric: str
    family: str
    x_label: str
    result: MetricResult
    points: tuple[Point, ...]

    @property
    def title(self) -> str:
        """`decode of tg64 by depth`."""
        return f"{_ALONG.get(self.metric, self.metric)} of {self.family} by {self.x_label}"


def curves(record: Record) -> tuple[Curve, ...]:
    """By concurrency first, then by depth and by prompt length; empty where no two workloads differ in one of these alone."""
    groups: dict[tuple[str, str, str], list[tuple[int, str, MetricResult]]] = {}
    for workload in record.workloads:
        for metric, family, label, x in _places(workload):
            found = record.result(workload.id, metric)
            if found is not None and found.estimate is not None:
                groups.setdefault((label, metric, family), []).append((x, workload.id, found))
    made = []
    for (label, metric, family), group in groups.items():
        ordered = sorted(group, key=lambda one: one[:2])
        points = tuple(Point(x, name, found.estimate) for x, name, found in ordered if found.estimate is not None)
        fewest = _LEAST_PROMPTS if label == _PROMPTS else 2
        if len({point.x for point in points}) == len(points) >= fewest:
            made.append(Curve(metric, family, label, ordered[0][2], points))
    return tuple(sorted(made, key=lambda one: (one.x_label != "requests at once", one.metric != "throughput")))


def _places(workload: Workload) -> Iterator[tuple[str, str, str, int]]:
    """(metric, family, label of the axis, x) of each curve that the workload is a point of."""
    if workload.concurrency is not None:
        family = f"{workload.prompt_tokens} → {workload.output_tokens} tokens"
        yield "throughput", family, "requests at once", workload.concurrency
        yield "ttft", family, "requests at once", workload.concurrency
    found = _AT_DEPTH.fullmatch(workload.id)
    if found is None and workload.concurrency is None and workload.mode == "greedy" and workload.prompt_tokens:
        yield "ttft", f"answers of {workload.output_tokens} tokens", _PROMPTS, workload.prompt_tokens
    if found:
        metric = "decode_rate" if workload.output_tokens else "prefill_rate"
        yield metric, found[1], "tokens in the cache before", int(found[2])
