"""The hardware table: what a device's memory and arithmetic can do at most, from public documents (`configs/devices/`)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from pydantic import Field

from harness.catalog import toml_file
from harness.catalog.paths import configs
from harness.catalog.toml_file import Part
from harness.errors import BadInput

_GIB = 1 << 30
# What drivers put around a name: makers, marks, brackets with a chip's code, and words that tell nothing apart.
_NOISE = re.compile(
    r"\(r\)|\(tm\)|\([^)]*\)|\b(nvidia|amd|intel|corporation|graphics|geforce|radeon|tesla|instinct|quadro)\b"
)
_MEMORY = re.compile(r"\b\d+ ?gi?b\b")


class _Device(Part):
    sku: str = Field(min_length=2)
    aliases: list[str] = Field(default_factory=list)
    generation: str = Field(min_length=2)
    form: Literal["desktop", "laptop", "workstation", "server", "integrated"]
    memory_gib: int = Field(ge=1, le=4096)
    bandwidth_gb_s: float = Field(gt=10, lt=100_000)
    peak_tflops: dict[Literal["fp32", "fp16", "int8", "fp8", "fp4"], float] = Field(default_factory=dict)
    source: str = Field(min_length=5)


class _File(Part):
    device: list[_Device]


@dataclass(frozen=True, slots=True)
class Device:
    """A part. Peaks by number type, dense; `bandwidth` in bytes/s, peaks in operations/s."""

    sku: str
    vendor: str
    aliases: tuple[str, ...]
    generation: str
    form: str
    memory_gib: int
    bandwidth_bytes_per_s: float
    peak_flops: Mapping[str, float]
    source: str


@lru_cache(maxsize=1)
def table() -> tuple[Device, ...]:
    """Every part. Raises `BadInput` for a damaged file, or a name that two parts of the same memory share."""
    found = []
    for path in sorted((configs() / "devices").glob("*.toml")):
        read, _ = toml_file.read(path, _File, "docs/devices.md")
        found += [
            Device(
                sku=one.sku,
                vendor=path.stem,
                aliases=tuple(one.aliases),
                generation=one.generation,
                form=one.form,
                memory_gib=one.memory_gib,
                bandwidth_bytes_per_s=one.bandwidth_gb_s * 1e9,
                peak_flops={name: value * 1e12 for name, value in one.peak_tflops.items()},
                source=one.source,
            )
            for one in read.device
        ]
    by_name(found)
    return tuple(found)


def by_name(devices: Iterable[Device]) -> dict[str, tuple[Device, ...]]:
    """Every name that a driver may report, normalised, with the parts that it may mean: one, or several by their memory."""
    found: dict[str, tuple[Device, ...]] = {}
    for device in devices:
        for name in dict.fromkeys(normalised(text) for text in (device.sku, *device.aliases)):
            known = found.get(name, ())
            twin = next((other for other in known if other.memory_gib == device.memory_gib), None)
            if twin is not None:
                raise BadInput(
                    f"{device.sku} and {twin.sku} are both called {name!r}", where="configs/devices", fix="rename one"
                )
            found[name] = (*known, device)
    return found


@lru_cache(maxsize=1)
def _names() -> dict[str, tuple[Device, ...]]:
    return by_name(table())


def find(name: str, memory_bytes: int | None = None) -> Device | None:
    """The part that a driver calls so; None for one that is not in the table. Of variants the one nearest in memory."""
    found = _names().get(normalised(name)) or _names().get(_MEMORY.sub("", normalised(name)).strip())
    if not found:
        return None
    if len(found) == 1 or memory_bytes is None:
        # Which variant it is can't be known: the fastest, so that a bound is never too low.
        return max(found, key=lambda device: device.bandwidth_bytes_per_s)
    return min(found, key=lambda device: abs(device.memory_gib * _GIB - memory_bytes))


def normalised(name: str) -> str:
    """A name as the table compares it: lower case, without makers, marks and brackets, single spaces."""
    text = _NOISE.sub(" ", name.lower().replace("_", " "))
    return " ".join(re.sub(r"[^a-z0-9+.\- ]", " ", text).split())
