"""The device table: what public documents say of GPUs, and which part a driver's name means. Never measured, never guessed."""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from harness.catalog import device_peaks, toml_file
from harness.catalog.device_names import read_name
from harness.catalog.device_peaks import Like
from harness.catalog.memory_tiers import tier_gib
from harness.catalog.toml_file import Part
from harness.errors import BadInput
from harness.paths import configs

Text = Annotated[str, Field(min_length=2, max_length=300)]
Dtype = Literal["fp32", "fp16", "bf16", "int8", "fp4"]
Form = Literal["desktop", "laptop", "workstation", "server", "module", "integrated"]
FORMS: tuple[str, ...] = get_args(Form)

GIB = 1 << 30
# A driver may keep pages for itself and for ECC: a T4 shows 14.6 of its 16 GiB. Sizes of one name lie further apart.
LEAST_SHARE, MOST_SHARE = 0.88, 1.05
LEAST_NAME = 3  # characters of a name that may be a part of others: "T4" is one of too many
NAMED_WITHIN = 0.02  # an H100 has 94 or 96 GB
# Metal shows three quarters of a Mac's memory where nobody set another limit.
SHOWN, NEAR = 0.75, 0.01


class _Device(Part):
    sku: Text
    aliases: list[Text] = Field(min_length=1)
    generation: Text
    form: Form
    memory_gib: int | None = Field(default=None, ge=1, le=1024)
    bandwidth_gb_s: float | None = Field(default=None, ge=10, le=100_000)
    slower_gb_s: float | None = Field(default=None, ge=10, le=100_000)
    machines_memory: bool = False
    machines_gib: list[Annotated[int, Field(ge=1, le=1024)]] = Field(default_factory=list)
    also_called: list[Text] = Field(default_factory=list)
    peak_tflops: dict[Dtype, Annotated[float, Field(gt=0, le=1_000_000)]] = Field(default_factory=dict)
    source: Text

    @model_validator(mode="after")
    def _bounding(self) -> _Device:
        # The largest peak is taken for a bound: without the fastest type in which engines compute it would be none.
        if self.peak_tflops and "int8" not in self.peak_tflops:
            raise ValueError(f"{self.sku}: peaks without int8 bound nothing; give it, or no peaks")
        if self.form != "integrated" and (self.memory_gib is None or self.machines_memory):
            raise ValueError(f"{self.sku}: memory_gib must be given; only an integrated part uses the machine's memory")
        if self.form != "integrated" and (self.machines_gib or self.also_called):
            raise ValueError(f"{self.sku}: only an integrated part is told by the memory of its machine")
        if self.slower_gb_s is not None and self.slower_gb_s >= (self.bandwidth_gb_s or 0):
            raise ValueError(f"{self.sku}: slower_gb_s must be less than bandwidth_gb_s")
        return self


class _File(Part):
    vendor: Literal["NVIDIA", "AMD", "Intel", "Apple", "Qualcomm", "Arm"]
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
    memory_gib: int | None  # None: whatever the machine has
    bandwidth_bytes_per_s: int | None  # None: no public document says it
    machines_memory: bool  # the machine's own modules, which may be faster than the vendor's figure
    peak_flops: Mapping[str, float]
    source: str
    machines_gib: tuple[int, ...] = ()  # the sizes of the machines that it is sold in; (): not known
    also_called: tuple[str, ...] = ()  # names of another part that a system gives it, too
    slower_bytes_per_s: int | None = None  # of the slower memory that is sold under this name and size, too
    # Without peaks: about those of its generation, by the speed of its memory. Nothing is bounded by it.
    like_flops: float | None = None

    @property
    def fastest_flops(self) -> float | None:
        """Of its fastest type of number; None: no document has it."""
        return max(self.peak_flops.values()) if self.peak_flops else None

    @property
    def bound_bytes_per_s(self) -> int | None:
        """What its memory can't exceed, or None where nothing bounds it."""
        return None if self.machines_memory else self.bandwidth_bytes_per_s


def table() -> tuple[Device, ...]:
    """Every part under `configs/devices/`. Raises `BadInput`."""
    return _shipped()[0]


def candidates(name: str, memory_bytes: int | None = None) -> tuple[Device, ...]:
    """Every part that a driver may mean by `name`; none where the table has no such part.

    `memory_bytes` tells apart parts of one name; a part whose memory is another one is not the part. A size in the name is the
    vendor's, to the gigabyte. Where the GPU shares the machine's memory, sizes are ignored: drivers report any share of it.
    """
    read = read_name(name)
    named = [d for d in _shipped()[1].get(read.key, ()) if read.vendors <= {d.vendor}]
    named = [d for d in named if all(_is_called(d, gib) for gib in read.sizes_gib)]
    return tuple(d for d in named if memory_bytes is None or _has_memory(d, memory_bytes / GIB))


def of_machine(name: str, machine_bytes: int | None = None) -> tuple[Device, ...]:
    """Every part that a system may mean by `name` in a machine with so much memory; of GPUs that share it those sold so.

    A driver reports a share of it: that is what `candidates` takes.
    """
    read = read_name(name)
    also = (d for d in table() if read.key in {read_name(other).key for other in d.also_called})
    sizes = [round(gib) for gib in read.sizes_gib] + ([] if machine_bytes is None else [round(machine_bytes / GIB)])
    found = (*candidates(name, machine_bytes), *also)
    return tuple(d for d in found if not d.machines_gib or all(gib in d.machines_gib for gib in sizes))


def as_recorded(part: Device, tier: int | None, shown_bytes: int | None) -> Device | None:
    """Of the parts that a system calls as it calls `part`, the one of a machine of this memory tier (GiB); None: may be several.

    A tier holds several sizes. Then what the driver showed decides, where it is the usual share of one of them.
    """
    like = of_machine(part.sku)
    if not any(one.machines_gib for one in like):
        return part
    sizes = {gib for one in like for gib in one.machines_gib if tier is None or tier_gib(gib * GIB) == tier}
    usual = {gib for gib in sizes if shown_bytes is not None and abs(shown_bytes / (SHOWN * gib * GIB) - 1) < NEAR}
    found = [one for one in like if (usual or sizes) & set(one.machines_gib)]
    return found[0] if len(found) == 1 else None


def find(name: str, memory_bytes: int | None = None) -> Device | None:
    """The part that bounds what is called `name`: of several the fastest, so that a bound is never too low; None for no part."""
    return max(candidates(name, memory_bytes), key=_bounds, default=None)


def identify(name: str, description: str, memory_bytes: int | None) -> Device | None:
    """The one part that an engine's name or else its description of a device means; None where it may be one of several."""
    found = candidates(name, memory_bytes) or candidates(description, memory_bytes)
    return found[0] if len(found) == 1 else None


def nearest(name: str, count: int = 3) -> list[str]:
    """The parts that a name leaves open (`nearly`), else those whose names are most like it; none where nothing is alike."""
    by_name = _shipped()[1]
    keys = difflib.get_close_matches(read_name(name).key, by_name, n=2 * count, cutoff=0.6)
    alike = dict.fromkeys(by_name[key][0].sku for key in keys)
    return nearly(name, 2 * count) or list(alike)[:count]


def nearly(name: str, count: int = 6) -> list[str]:
    """The parts whose names hold `name` and more ("A100": PCIe or SXM, 40 or 80 GB), the shortest names first; of those with
    the memory that it names alone, if there are such.
    """
    read = read_name(name)
    if len(read.key) < LEAST_NAME:
        return []
    # A number goes on with no digit: an RTX 4070 is no RTX 40700.
    before, after = ("(?<![0-9])" * read.key[0].isdigit(), "(?![0-9])" * read.key[-1].isdigit())
    within = re.compile(f"{before}{re.escape(read.key)}{after}")
    named = [
        (len(key), part)
        for key, parts in _shipped()[1].items()
        for part in parts
        if key != read.key and within.search(key) and read.vendors <= {part.vendor}
    ]
    sized = [one for one in named if read.sizes_gib and all(_is_called(one[1], gib) for gib in read.sizes_gib)]
    ordered = sorted(sized or named, key=lambda one: one[0])
    return list(dict.fromkeys(part.sku for _, part in ordered))[:count]


def called(name: str, description: str, memory_bytes: int | None) -> Device | None:
    """`find` by what an engine calls a device, else by how it describes it: one of the two is the driver's name."""
    return find(name, memory_bytes) or find(description, memory_bytes)


def read(folder: Path) -> tuple[Device, ...]:
    """The parts of every file in `folder`. Raises `BadInput` with file and reason, and where a name means two parts."""
    devices = tuple(device for path in sorted(folder.glob("*.toml")) for device in _read_file(path))
    if not devices:
        raise BadInput("holds no device", where=str(folder), fix="reinstall repro-harness")
    _by_name(devices, str(folder))
    ratios = device_peaks.operations_a_byte(
        (_like(device), device.fastest_flops, device.bandwidth_bytes_per_s)
        for device in devices
        if device.fastest_flops is not None and device.bandwidth_bytes_per_s is not None
    )
    return tuple(_with_like(device, ratios.get(_like(device))) for device in devices)


def _like(device: Device) -> Like:
    return Like(device.vendor, device.generation, device.form == "integrated")


def _with_like(device: Device, operations_a_byte: float | None) -> Device:
    if device.peak_flops or device.bandwidth_bytes_per_s is None or operations_a_byte is None:
        return device
    return replace(device, like_flops=operations_a_byte * device.bandwidth_bytes_per_s)


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
            bandwidth_bytes_per_s=None if found.bandwidth_gb_s is None else round(found.bandwidth_gb_s * 1e9),
            slower_bytes_per_s=None if found.slower_gb_s is None else round(found.slower_gb_s * 1e9),
            machines_memory=found.machines_memory,
            peak_flops=MappingProxyType({dtype: peak * 1e12 for dtype, peak in found.peak_tflops.items()}),
            source=file.documents[found.source],
            machines_gib=tuple(found.machines_gib),
            also_called=tuple(found.also_called),
        )
        for found in file.device
    ]


def _by_name(devices: Iterable[Device], where: str) -> dict[str, tuple[Device, ...]]:
    """Normalised name → the parts that it may mean: told apart by their memory, or of one bandwidth, which holds for each."""
    index: dict[str, tuple[Device, ...]] = {}
    for device in devices:
        for name in (device.sku, *device.aliases):
            key = read_name(name).key
            others = [other for other in index.get(key, ()) if other is not device]
            for other in others:
                apart = _told_apart(other, device) or _alike(other, device) or _named_apart(key, other, device)
                if other.sku == device.sku or not apart:
                    what = f"{other.sku!r} and {device.sku!r} are both called {name!r}"
                    raise BadInput(what, where=where, fix="drop one, or name each by what its driver reports")
            index[key] = (*others, device)
    return index


def _has_memory(device: Device, gib: float) -> bool:
    if device.memory_gib is None or device.form == "integrated":
        return True
    return LEAST_SHARE * device.memory_gib <= gib <= MOST_SHARE * device.memory_gib


def _is_called(device: Device, gib: float) -> bool:
    if device.memory_gib is None or device.form == "integrated":
        return True
    return abs(gib - device.memory_gib) <= NAMED_WITHIN * device.memory_gib


def _bounds(device: Device) -> tuple[float, float]:
    return device.bound_bytes_per_s or math.inf, max(device.peak_flops.values(), default=math.inf)


def _alike(a: Device, b: Device) -> bool:
    """Whether one bandwidth holds for both, so that a name of both bounds a rate, though it identifies neither."""
    known = a.bandwidth_bytes_per_s is not None and a.generation == b.generation
    return known and (a.bandwidth_bytes_per_s, a.machines_memory) == (b.bandwidth_bytes_per_s, b.machines_memory)


def _named_apart(key: str, a: Device, b: Device) -> bool:
    """Whether each name of theirs with that key tells its own memory."""

    def names_it(one: Device) -> bool:
        names = [name for name in map(read_name, (one.sku, *one.aliases)) if name.key == key]
        return all(name.sizes_gib == (one.memory_gib,) for name in names)

    return a.memory_gib != b.memory_gib and names_it(a) and names_it(b)


def _told_apart(a: Device, b: Device) -> bool:
    """Whether no size that a driver may report fits both."""
    if a.memory_gib is None or b.memory_gib is None or "integrated" in (a.form, b.form):
        return False
    small, large = sorted((a.memory_gib, b.memory_gib))
    return MOST_SHARE * small < LEAST_SHARE * large
