"""The device table: what public documents say of GPUs, and which part a driver's name means. Never measured, never guessed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.catalog import toml_file
from harness.catalog.toml_file import Part
from harness.errors import BadInput
from harness.paths import configs

Text = Annotated[str, Field(min_length=2, max_length=300)]
Dtype = Literal["fp32", "fp16", "bf16", "int8", "fp4"]

GIB = 1 << 30
# A driver may keep pages for itself and for ECC: a T4 shows 14.6 of its 16 GiB. Sizes of one name lie further apart.
LEAST_SHARE, MOST_SHARE = 0.88, 1.05

# Words that name the vendor or say nothing. "laptop", "ti", "super", "quadro" and the like stay: they name another part.
_VENDORS = {
    "nvidia": "NVIDIA",
    "geforce": "NVIDIA",
    "tesla": "NVIDIA",
    "amd": "AMD",
    "radeon": "AMD",
    "instinct": "AMD",
}
_VENDORS |= {"intel": "Intel"}
_EMPTY = {"corporation", "graphics", "gpu"}
_MARK = re.compile(r"\((?:tm|r|c)\)|[™®©]|(?<=gh200) 480gb")  # a GH200 is named for its processor's memory
_DRIVER = re.compile(
    r"\((?:radv|nvk|radeonsi|amd|nvidia|intel|dg2|acm|bmg|g1\d)[^()]*\)"
)  # "(RADV NAVI31)", "(G13G B1)"
_MEMORY = re.compile(r"(?<![a-z0-9.])(\d{1,4}) ?gi?b(?![a-z0-9])")


class _Device(Part):
    sku: Text
    aliases: list[Text] = Field(min_length=1)
    generation: Text
    form: Literal["desktop", "laptop", "workstation", "server", "integrated"]
    memory_gib: int = Field(ge=1, le=1024)
    bandwidth_gb_s: float = Field(ge=10, le=100_000)
    peak_tflops: dict[Dtype, Annotated[float, Field(gt=0, le=1_000_000)]] = Field(default_factory=dict)
    source: Text

    @model_validator(mode="after")
    def _bounding(self) -> _Device:
        # The largest peak is taken for a bound: without the fastest type in which engines compute it would be none.
        if self.peak_tflops and "int8" not in self.peak_tflops:
            raise ValueError(f"{self.sku}: peaks without int8 bound nothing; give it, or no peaks")
        return self


class _File(Part):
    vendor: Literal["NVIDIA", "AMD", "Intel", "Apple"]
    documents: dict[str, Text]
    device: list[_Device] = Field(min_length=1)

    @model_validator(mode="after")
    def _sourced(self) -> _File:
        for device in self.device:
            if device.source not in self.documents:
                raise ValueError(f"{device.sku}: its source {device.source!r} is not among the documents")
        return self


@dataclass(frozen=True, slots=True)
class Device:
    """One part. Its bandwidth is that of its own memory; its peaks are dense operations a second by type of number."""

    sku: str
    aliases: tuple[str, ...]  # what drivers call it
    vendor: str
    generation: str
    form: str
    memory_gib: int
    bandwidth_bytes_per_s: int
    peak_flops: Mapping[str, float]
    source: str


def table() -> tuple[Device, ...]:
    """Every part under `configs/devices/`. Raises `BadInput`."""
    return _shipped()[0]


def find(name: str, memory_bytes: int | None = None) -> Device | None:
    """The part that a driver calls `name`; None for one that is not in the table.

    `memory_bytes` tells apart parts of one name; a part whose memory is another one is not the part. Without it the fastest of
    the name stands for all, so that a bound is never too low. Where the GPU shares the machine's memory, sizes are ignored:
    drivers report any share of it.
    """
    key, vendors, sizes = _read_name(name)
    if memory_bytes is not None:
        sizes = (*sizes, memory_bytes / GIB)
    named = _shipped()[1].get(key, ())
    found = [d for d in named if vendors <= {d.vendor} and all(_has_memory(d, gib) for gib in sizes)]
    return max(found, key=lambda device: device.bandwidth_bytes_per_s, default=None)


def called(name: str, description: str, memory_bytes: int | None) -> Device | None:
    """`find` by what an engine calls a device, else by how it describes it: one of the two is the driver's name."""
    return find(name, memory_bytes) or find(description, memory_bytes)


def read(folder: Path) -> tuple[Device, ...]:
    """The parts of every file in `folder`. Raises `BadInput` with file and reason, and where a name means two parts."""
    devices = tuple(device for path in sorted(folder.glob("*.toml")) for device in _read_file(path))
    if not devices:
        raise BadInput("holds no device", where=str(folder), fix="reinstall repro-harness")
    _by_name(devices, str(folder))
    return devices


@cache
def _shipped() -> tuple[tuple[Device, ...], Mapping[str, tuple[Device, ...]]]:
    folder = configs() / "devices"
    devices = read(folder)
    return devices, _by_name(devices, str(folder))


def _read_file(path: Path) -> list[Device]:
    file, _ = toml_file.read(path, _File, "docs/devices.md")
    return [
        Device(
            sku=found.sku,
            aliases=tuple(found.aliases),
            vendor=file.vendor,
            generation=found.generation,
            form=found.form,
            memory_gib=found.memory_gib,
            bandwidth_bytes_per_s=round(found.bandwidth_gb_s * 1e9),
            peak_flops=MappingProxyType({dtype: peak * 1e12 for dtype, peak in found.peak_tflops.items()}),
            source=file.documents[found.source],
        )
        for found in file.device
    ]


def _by_name(devices: Iterable[Device], where: str) -> dict[str, tuple[Device, ...]]:
    """Normalised name → the parts that it may mean, all told apart by their memory."""
    index: dict[str, tuple[Device, ...]] = {}
    for device in devices:
        for name in (device.sku, *device.aliases):
            key = _read_name(name)[0]
            others = [other for other in index.get(key, ()) if other is not device]
            for other in others:
                if other.sku == device.sku or not _told_apart(other, device):
                    what = f"{other.sku!r} and {device.sku!r} are both called {name!r}"
                    raise BadInput(what, where=where, fix="drop one, or name each by what its driver reports")
            index[key] = (*others, device)
    return index


def _read_name(name: str) -> tuple[str, set[str], tuple[float, ...]]:
    """A name without what says nothing, the vendors that it names, and the memory sizes in it, GiB."""
    text = _DRIVER.sub(" ", _MARK.sub(" ", name.casefold()))
    sizes = tuple(float(size) for size in _MEMORY.findall(text))
    words = re.findall(r"[a-z0-9+]+", _MEMORY.sub(" ", text))
    vendors = {_VENDORS[word] for word in words if word in _VENDORS}
    return "".join(word for word in words if word not in _VENDORS and word not in _EMPTY), vendors, sizes


def _has_memory(device: Device, gib: float) -> bool:
    return device.form == "integrated" or LEAST_SHARE * device.memory_gib <= gib <= MOST_SHARE * device.memory_gib


def _told_apart(a: Device, b: Device) -> bool:
    """Whether no size that a driver may report fits both."""
    small, large = sorted((a.memory_gib, b.memory_gib))
    return "integrated" not in (a.form, b.form) and MOST_SHARE * small < LEAST_SHARE * large
