"""What the forecast pages list: devices of the table, models that were published often, and what was measured near a row.

All of it follows from files of the program alone: no row, record or decision of the registry changes it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

from harness import evidence
from harness.catalog import devices
from harness.catalog.devices import GIB, Device
from harness.fit.room import metal_bytes
from harness.forecast import tables
from harness.forecast.evidence import USUAL_FAMILY, hardware_of, merged
from harness.forecast.models import same_model
from harness.forecast.physics import bandwidth_ratio
from harness.forecast.tables import Pair
from harness.forecast.values import Hardware, Kind, Point, Work

CONTEXT, TOKENS = 4096, 128  # of the listed forecasts
LEAST_POINTS = 6  # of a model's file type, for it to be listed
NEAR = 3  # measurements that a row's page names
_DRIVERS_SHARE = 0.92  # of its memory is what a driver leaves


@dataclass(frozen=True, slots=True)
class Part:
    """A device that is listed; `published`: something was measured on it, so that it has a page."""

    device: Device
    hardware: Hardware
    published: bool

    @property
    def shared(self) -> bool:
        """Whether it computes from the machine's memory, of which machines have less than the table says."""
        return self.device.form == "integrated" or self.device.machines_memory

    def holds(self, pair: Pair) -> bool:
        """Whether weights and cache are smaller than the most memory that it is sold with; true where that is not known."""
        if self.device.memory_gib is None:
            return True
        size = self.device.memory_gib * GIB
        return pair.held_bytes <= (metal_bytes(size) if self.device.vendor == "Apple" else _DRIVERS_SHARE * size)


@dataclass(frozen=True, slots=True)
class Listed:
    """Everything that the pages show, each pair by the names of device and model."""

    parts: tuple[Part, ...]
    works: tuple[Work, ...]
    pairs: dict[tuple[str, str], Pair]
    points: int
    rows: int


@cache
def parts() -> tuple[Part, ...]:
    """Every device of the table whose bandwidth is known. Raises `BadInput` for files of the program that are not valid."""
    points = evidence.shipped().points
    measured = {point.hardware.name for point in points}
    found = ((device, hardware_of(device, _family(device, points))) for device in devices.table())
    return tuple(Part(device, own, device.sku in measured) for device, own in found if own is not None)


@cache
def listed() -> Listed:
    """Computed once in a process, some seconds; only the forecast pages themselves need it. Raises `BadInput`."""
    found = evidence.shipped()
    works = _works(found.points)
    pairs = tables.pairs(evidence.forecaster(), [part.hardware for part in parts()], works, CONTEXT, TOKENS)
    return Listed(parts(), works, pairs, len(found.points), len(found.rows) + sum(found.unused.values()))


def pages() -> Iterator[tuple[str, str]]:
    """The folder and the name of each page of a device or a model."""
    yield from (("forecast/devices", part.device.sku) for part in parts() if part.published)
    yield from (("forecast/models", work.model) for work in _works(evidence.shipped().points))


def _family(device: Device, points: Sequence[Point]) -> str:
    """The kernels that were measured most often on this device, else its vendor's usual ones."""
    counts = Counter(point.hardware.family for point in points if point.hardware.name == device.sku)
    return counts.most_common(1)[0][0] if counts else USUAL_FAMILY[device.vendor]


def _works(points: Sequence[Point]) -> tuple[Work, ...]:
    """Of each model that was published often, and of which it is known what it keeps, its most usual file; the smallest first."""
    counts = Counter(point.work for point in points if point.work.cache_bytes and point.work.quantisation)
    best: dict[str, Work] = {}
    for work, count in counts.most_common():
        if count >= LEAST_POINTS and work.quantisation in ("Q4_K", "Q4_0", "MXFP4", "Q8_0"):
            best.setdefault(work.model, work)
    return tuple(sorted(best.values(), key=lambda work: work.file_bytes))


def part_of(sku: str) -> Part | None:
    """The listed device that a hardware class names, one of it; None for several, a split or a device that is not listed."""
    name, _, count = sku.partition(" ×")
    if "+" in sku or count not in ("", "1"):
        return None
    found = devices.find(name)
    return next((part for part in parts() if found is not None and part.device.sku == found.sku), None)


def nearby(part: Part, architecture: str, parameters: int | None) -> tuple[Point, ...]:
    """What was published of this model on this device; else of the device, the models nearest in size first."""
    here = [p for p in _decodes() if p.hardware.name == part.device.sku]
    name = "" if parameters is None else same_model(architecture, parameters, (point.work for point in here))
    own = [point for point in here if point.work.model == name]
    size = parameters or 8e9
    chosen = own or sorted(here, key=lambda point: abs(math.log(point.work.parameters / size)))
    return tuple({(point.work.model, point.work.quantisation): point for point in reversed(chosen)}.values())[::-1][
        :NEAR
    ]


@cache
def _decodes() -> tuple[Point, ...]:
    """Of one device, without a context before, the newest first; none that a reader of the table doubted."""
    shipped = evidence.shipped()
    told = [point for point, row in zip(shipped.points, shipped.rows, strict=True) if not row.odd]
    found = [p for p in merged(told)[0] if p.task.kind is Kind.DECODE and p.hardware.count == 1 and not p.task.depth]
    return tuple(sorted(found, key=lambda point: -point.when))


def memory_ratio(ratio: float | None, sku: str, hub_sku: str) -> float | None:
    """A reproduction's ratio over that of the two bandwidths: 1: as fast as its memory makes of the hub; None: unknown."""
    own, hub = part_of(sku), part_of(hub_sku)
    if ratio is None or own is None or hub is None:
        return None
    if own is not hub and any(part.device.slower_bytes_per_s is not None for part in (own, hub)):
        return None  # which of two speeds of memory it has is not known
    return ratio / bandwidth_ratio(own.hardware.bandwidth_bytes_per_s, hub.hardware.bandwidth_bytes_per_s)
