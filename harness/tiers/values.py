"""What the rules are about. Plain values: no file, clock, database or schema stands behind any of them."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import lru_cache

from harness.measure.logs import Logs, logs_of


class Source(StrEnum):
    """Who measured."""

    EDITORIAL = "editorial"
    VERIFIED = "verified-owner"
    COMMUNITY = "community"
    IMPORTED = "imported"


class Status(StrEnum):
    """What editors have said of a record so far."""

    PENDING = "pending"
    ACCEPTED = "accepted"
    REJECTED = "rejected"
    SENT_BACK = "sent-back"
    WITHDRAWN = "withdrawn"


class State(StrEnum):
    """What happened to a row: its badge."""

    QUEUED = "queued"
    APPROVED = "approved-public"
    REPRODUCED = "reproduced"
    INDEPENDENT = "independently-reproduced"
    REJECTED = "rejected"
    SENT_BACK = "sent-back"
    WITHDRAWN = "withdrawn"


class Tier(StrEnum):
    """How much weight a row carries: four words, never a percentage."""

    LOW = "low"
    MODERATE = "moderate"
    HIGH = "high"
    VERY_HIGH = "very-high"


TIERS = tuple(Tier)  # in rising order


class Ring(StrEnum):
    """Where a reproduction stands."""

    COMMUNITY = "community"  # the hub's own hardware class
    INDEPENDENT = "independent"  # another one


class Mark(StrEnum):
    """The verdict of one reproduction."""

    INSIDE = "inside"
    INCONCLUSIVE = "inconclusive"
    OUTSIDE = "outside"
    PENDING = "pending"


UNKNOWN = "unknown"  # a part of a hardware class of which nothing certain can be said
NOT_COMPARED = "not compared"  # a part that the hub of the row does not know
UNLISTED = "unlisted"  # before a device that no table knows: its name is what an operator writes
SOFTWARE = "software device"  # before one that shows itself as a GPU and computes on the processor
_AXES = ("device", "generation", "os_family", "runtime_series")
_PROCESSOR = re.compile(r"(?:^|( \+ ))[^+]*, (?:\d+|unknown) cores, (?:\d+|unknown) GiB$")


@dataclass(frozen=True, slots=True, order=True)
class HardwareClass:
    """Two classes are distinct when a part differs that both know: what is unknown is distinct from nothing.

    `sku` names a device for people, and tells rows apart. What tells classes apart is `device`, made of closed values alone.
    """

    sku: str  # each device and its count, or a CPU's model, usable cores and memory tier; both where they shared the work
    generation: str
    os_family: str
    runtime_series: str

    @property
    def device(self) -> str:
        """Of a GPU its SKU; of a processor its design: cores and memory are what somebody lets a run see."""
        return _device(self.sku, self.generation)

    def differs_in(self, other: HardwareClass) -> tuple[str, ...]:
        """The axes on which the two differ, as far as both are known."""
        if self == other:
            return ()
        pairs = ((axis, getattr(self, axis), getattr(other, axis)) for axis in _AXES)
        return tuple(axis for axis, a, b in pairs if a != b and UNKNOWN not in (a, b))

    def beside(self, hub: HardwareClass) -> HardwareClass:
        """The class as a row of that hub counts it: by its device; a part that the hub does not know tells nobody apart."""
        pairs = ((getattr(self, axis), getattr(hub, axis)) for axis in _AXES)
        return HardwareClass(*(NOT_COMPARED if b == UNKNOWN else a for a, b in pairs))

    @property
    def is_known(self) -> bool:
        """Whether every part is."""
        return all(getattr(self, axis) != UNKNOWN for axis in _AXES)


@lru_cache(maxsize=65536)
def _device(sku: str, generation: str) -> str:
    processor = _PROCESSOR.search(sku)
    if processor is None:
        # A software device is its processor once more, by a slower way: it tells no class apart.
        return UNKNOWN if UNLISTED in sku or SOFTWARE in sku or sku == UNKNOWN else sku
    if processor[1]:  # a GPU and a processor shared the layers
        return _device(sku[: processor.start()], generation)
    return UNKNOWN if generation == UNKNOWN else f"processor: {generation}"


@dataclass(frozen=True, slots=True)
class Subject:
    """What must be equal for a record to be a reproduction; anything else makes it a related row."""

    model: str  # digest of the weights, or the family where a repackaging was matched
    quantisation: str
    engine: str
    workload: str  # digest of suite and scenario


@dataclass(frozen=True, slots=True)
class Measurement:
    """One record, as far as the rules look at it. `medians` are the headline's process medians, tokens/s."""

    id: str
    operator: str
    rig: str
    subject: Subject
    hardware: HardwareClass
    medians: tuple[float, ...]
    measured: date
    source: Source = Source.COMMUNITY
    status: Status = Status.ACCEPTED
    fixed_number: bool = False  # of processes, chosen beforehand; else the run looked more than once
    missing: tuple[str, ...] = ()  # mandatory fields that the record does not have
    failed: tuple[str, ...] = ()  # consistency checks that it fails
    series_behind: int = 0  # runtime series between it and the newest that the registry has seen
    logs: Logs | None = None  # of the medians, where they are stored and the medians were not read

    @property
    def standard_error(self) -> float:
        """Of the mean of the logs of the medians; infinite for one process, which says nothing of its spread."""
        logs = self.logs or logs_of(self.medians)
        return math.sqrt(logs.variance / logs.n) if logs.n > 1 else math.inf


def ring_of(hub: Measurement, record: Measurement) -> Ring:
    """Community where the record's hardware class is the hub's, independent where it is distinct from it."""
    return Ring.INDEPENDENT if record.hardware.differs_in(hub.hardware) else Ring.COMMUNITY


@dataclass(frozen=True, slots=True)
class Row:
    """A hub and everything that was submitted for it, in any order; duplicates by id are one."""

    hub: Measurement
    others: tuple[Measurement, ...] = field(default=())
