"""Rows for tests: a registry at 100 tokens/s, and reproductions of it by name."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from harness.tiers.values import HardwareClass, Measurement, Row, Source, Status, Subject

AS_OF = date(2026, 11, 24)
HUB_CLASS = HardwareClass("rtx-4090 ×1", "ada", "Linux", "llama.cpp 0.25")
SUBJECT = Subject("a" * 64, "Q4_K_M", "llama.cpp", "default-v1/decode-256")
CLASSES = (
    HardwareClass("rtx-3090 ×1", "ampere", "Linux", "llama.cpp 0.25"),
    HardwareClass("rtx-5090 ×1", "blackwell", "Linux", "llama.cpp 0.25"),
    HardwareClass("rx-7900-xtx ×1", "rdna3", "Linux", "llama.cpp 0.25"),
    HardwareClass("m3-max ×1", "m3", "Darwin", "llama.cpp 0.25"),
)


def medians(rate: float) -> tuple[float, ...]:
    """Five processes, half a per cent apart."""
    return tuple(rate * (1 + 0.005 * step) for step in (-1, -0.5, 0, 0.5, 1))


def measurement(name: str, rate: float = 100.0, hardware: HardwareClass = HUB_CLASS, **other) -> Measurement:
    """A record by operator `name` on a rig of its own, unless told otherwise."""
    facts = {
        "operator": f"op-{name}",
        "rig": f"rig-{name}",
        "subject": SUBJECT,
        "measured": AS_OF,
        "fixed_number": True,
    }
    return Measurement(id=f"id-{name}", hardware=hardware, medians=medians(rate), **(facts | other))


def hub(**other) -> Measurement:
    return measurement("hub", **other)


def editorial(**other) -> Measurement:
    return measurement("hub", source=Source.EDITORIAL, **other)


def community(count: int, rate: float = 100.0) -> tuple[Measurement, ...]:
    """On the hub's own class."""
    return tuple(measurement(f"c{i}-{rate:g}", rate) for i in range(count))


def independent(count: int, rate: float = 100.0, classes=CLASSES) -> tuple[Measurement, ...]:
    """Each on a class of its own."""
    return tuple(measurement(f"i{i}-{rate:g}", rate, classes[i]) for i in range(count))


def series(count: int) -> tuple[Measurement, ...]:
    """On the registry's SKU and system, each with another runtime series."""
    return tuple(
        measurement(f"s{i}", hardware=replace(HUB_CLASS, runtime_series=f"llama.cpp 0.{20 + i}")) for i in range(count)
    )


def pending(name: str) -> Measurement:
    return measurement(name, status=Status.PENDING)


def row(first: Measurement, *others: Measurement) -> Row:
    return Row(first, others)
