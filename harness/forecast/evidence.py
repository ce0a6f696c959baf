"""From published rows to points that the physics can use; what can't be used is counted with its reason. Pure."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np

from harness.catalog.devices import Device
from harness.catalog.platforms import Platform
from harness.catalog.published import Names, Published
from harness.forecast.values import Hardware, Kind, Origin, Point, Task, Work

_TEST = re.compile(r"(pp|tg)(\d+)(?: @ d(\d+))?")
SINGLE = 16  # a prompt of fewer tokens is no prefill: the weights are read for a handful of them
# Bits of a weight by label as files have them on the whole. A size that contradicts its label leaves the class unknown.
_USUAL_BITS = {
    "F32": 32.0, "F16": 16.0, "BF16": 16.0, "Q8_0": 8.5, "Q6_K": 6.56, "Q5_K": 5.6, "Q4_1": 5.0, "Q4_0": 4.5, "Q4_K": 4.85,
    "Q3_K": 3.9, "Q2_K": 2.96, "MXFP4": 4.4,
}  # fmt: skip
_LEAST, _MOST = 0.75, 1.35
PROCESSOR = "processor"
# Kernels that run on a vendor's devices, the usual ones first.
FAMILIES = {
    "NVIDIA": ("cuda", "vulkan", "opencl"), "AMD": ("rocm", "vulkan", "opencl"), "Apple": ("metal", "vulkan"),
    "Intel": ("sycl", "vulkan", "opencl"), "Qualcomm": ("opencl", "vulkan"), "Arm": ("vulkan", "opencl"),
}  # fmt: skip
USUAL_FAMILY = {vendor: families[0] for vendor, families in FAMILIES.items()}
_F16 = 2  # bytes of an element of the KV cache, which is f16 where nothing else is said


@dataclass(frozen=True, slots=True)
class Evidence:
    """`points` beside the rows that they are of; `unused` counts the others by reason."""

    points: tuple[Point, ...]
    rows: tuple[Published, ...]
    unused: Counter[str]


def evidence(
    rows: Iterable[Published],
    names: Names,
    device: Callable[[str], Device | None],
    platform: Callable[[str], Platform | None],
) -> Evidence:
    """The rows that tell something of a known device and a known amount of work. `device` and `platform` find by name."""
    points, kept, unused = [], [], Counter[str]()
    for row in rows:
        found = _point(row, names, device, platform)
        if isinstance(found, str):
            unused[found] += 1
        else:
            points.append(found)
            kept.append(row)
    return Evidence(tuple(points), tuple(kept), unused)


def _point(
    row: Published,
    names: Names,
    device: Callable[[str], Device | None],
    platform: Callable[[str], Platform | None],
) -> Point | str:
    """The point, or why the row can't be one."""
    family = names.backends.get(row.backend, "")
    if not family:
        return "backend not stated, or several at once"
    if row.apart and family != "cpu":
        return "a part of it, or all, ran on a processor"
    task = task_of(row.test)
    if task is None:
        return "prefill and decode in one figure, or its length not stated"
    hardware = _hardware(row, family, names, device, platform)
    if isinstance(hardware, str):
        return hardware
    work = _work(row, names)
    if isinstance(work, str):
        return work
    if work.cache_bytes is None and task.depth:
        return "what a token keeps of the context is not known"
    lab = f"{row.source.partition(' ')[0].partition(':')[0]} {row.device}"
    return Point(hardware, work, task, row.tokens_per_s, lab, when_of(row.build, row.date), Origin.IMPORTED, row.source)


def task_of(test: str) -> Task | None:
    """What llama-bench's name of a test asks for; None for a mixture, or for one that this does not know."""
    found = _TEST.fullmatch(test)
    if found is None:
        return None
    kind = Kind.DECODE if found[1] == "tg" else Kind.PREFILL
    tokens = int(found[2])
    return None if kind is Kind.PREFILL and tokens < SINGLE else Task(kind, tokens, int(found[3] or 0))


def hardware_of(part: Device, family: str, count: int = 1) -> Hardware | None:
    """A part of the device table; None where its bandwidth is not known."""
    if part.bandwidth_bytes_per_s is None:
        return None
    generation = part.generation if part.generation.startswith(part.vendor) else f"{part.vendor} {part.generation}"
    return Hardware(
        part.sku, family, generation, part.form, float(part.bandwidth_bytes_per_s), part.fastest_flops, count,
        bounded=part.bound_bytes_per_s is not None,
        slower_bytes_per_s=None if part.slower_bytes_per_s is None else float(part.slower_bytes_per_s),
        like_flops=part.like_flops,
    )  # fmt: skip


def _hardware(
    row: Published,
    family: str,
    names: Names,
    device: Callable[[str], Device | None],
    platform: Callable[[str], Platform | None],
) -> Hardware | str:
    if family == "cpu":
        called = names.processors.get(row.device)
        found = None if called is None else platform(called)
        rate = None if found is None else found.bandwidth_bytes_per_s()
        if called is None or found is None or rate is None:
            return "a processor whose memory is not known"
        return Hardware(called, family, found.generation, PROCESSOR, float(rate), None, row.devices)
    part = device(names.devices.get(row.device, row.device))
    if part is None:
        return "no part of the device table"
    return hardware_of(part, family, row.devices) or "the part's bandwidth is not known"


def _work(row: Published, names: Names) -> Work | str:
    reason = names.unknown(row.model)
    if reason:
        return reason
    if row.size_bytes is None or row.parameters is None:
        return "its size is not stated"
    known = names.model(row.model)
    told = re.search(r"\bA(\d+(?:\.\d+)?)B\b", row.model)
    active = known.active_parameters if known is not None else None
    if active is None and told is not None:
        active = float(told[1]) * 1e9
    share = 1.0 if active is None else min(active / row.parameters, 1.0)
    label = quantisation_class(row.quantisation)
    bits = row.size_bytes * 8 / row.parameters
    usual = _USUAL_BITS.get(label)
    return Work(
        model=model_name(row.model),
        quantisation="" if usual is not None and not _LEAST < bits / usual < _MOST else label,
        experts=active is not None,
        token_bytes=row.size_bytes * share,
        file_bytes=row.size_bytes,
        parameters=row.parameters,
        active_parameters=row.parameters * share,
        cache_bytes=None if known is None or not known.cache_elements else float(known.cache_elements * _F16),
        attention_width=float(known.attention_width) if known is not None else 0.0,
        layers=None if known is None else known.layers,
    )


# Number of a build of llama.cpp's main line → when it was made: a number tells the age of kernels better than the day of a post.
_BUILDS = (1400, 2797, 3677, 4400, 6123, 6918, 7423, 8796, 10068, 10970)
_MADE = (2023.83, 2024.35, 2024.69, 2025.0, 2025.61, 2025.84, 2025.96, 2026.29, 2026.55, 2026.71)
_BUILD = re.compile(r"\((\d{4,5})\)|^b(\d{4,5})")


def when_of(build: str, date: str) -> float:
    """In years: by the number of the build, else by the month that is given, else the middle of the year."""
    found = _BUILD.search(build)
    number = int(found[1] or found[2]) if found is not None else 0
    if _BUILDS[0] <= number <= _BUILDS[-1]:
        return round(float(np.interp(number, _BUILDS, _MADE)), 2)
    month = re.match(r"\d{4}-(\d\d)", date)
    return round(int(date[:4]) + ((int(month[1]) - 0.5) / 12 if month is not None else 0.5), 2)


def model_name(label: str) -> str:
    """llama-bench's name without the collector's remark: finetunes of one shape are one model."""
    return label.partition(" (")[0]


def quantisation_class(label: str) -> str:
    """Files whose weights are of one type by name: "Q4_K - Medium" and "Q4_K_M" are Q4_K, "IQ4_XS - 4.25 bpw" is IQ4, and
    "MXFP4 MoE" is the file type MXFP4_MOE. "" for what has no name.
    """
    name = (
        label.upper()
        .removeprefix("ALL ")
        .removeprefix("UD-")
        .partition(" ")[0]
        .removesuffix("-MIXED")
        .removesuffix("_G128")
        .removesuffix("_MOE")
    )
    if name == "UNKNOWN":
        return ""
    if name.startswith("IQ"):
        return name[:3]
    short = re.match(r"(Q\d_K)_", name)
    return short[1] if short else name


def merged(points: Iterable[Point]) -> tuple[tuple[Point, ...], tuple[tuple[int, ...], ...]]:
    """Points of one source, machine, model and depth that differ in the number of decoded tokens as one, at their geometric mean.

    And of each the places of those that it was made of. Prompts of unlike length stay apart: their rates differ.
    """
    found: dict[tuple[object, ...], list[int]] = {}
    held = tuple(points)
    for place, point in enumerate(held):
        tokens = 0 if point.task.kind is Kind.DECODE else point.task.tokens
        key = (
            point.hardware,
            point.work,
            point.task.kind,
            tokens,
            point.task.depth,
            point.lab,
            point.when,
            point.source,
        )
        found.setdefault(key, []).append(place)
    return tuple(_mean([held[i] for i in places]) for places in found.values()), tuple(map(tuple, found.values()))


def _mean(points: list[Point]) -> Point:
    tokens = round(sum(point.task.tokens for point in points) / len(points))
    rate = math.exp(sum(math.log(point.tokens_per_s) for point in points) / len(points))
    runs = sum(point.runs for point in points)
    return replace(points[0], task=replace(points[0].task, tokens=tokens), tokens_per_s=rate, runs=runs)
