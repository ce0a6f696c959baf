"""Kinds of devices and of places that compute: the words that adapters state, records hold and readers compare."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from enum import StrEnum
from typing import Any


class DeviceKind(StrEnum):
    """Its value is what a record holds."""

    CPU = "cpu"
    GPU = "gpu"
    IGPU = "igpu"  # a GPU that shares the processor's memory
    ACCELERATOR = "accelerator"  # a library that helps the processor (BLAS, AMX); alone, a device of its own (an NPU)
    SOFTWARE = "software"  # a driver that shows itself as a GPU and computes on the processor (llvmpipe): never a GPU
    SERVER = "server"  # whatever computes behind an address: its machine is not known
    LOCAL_SERVER = "local-server"  # a server on this machine: processor or GPU, it does not say


GPUS = frozenset({DeviceKind.GPU, DeviceKind.IGPU})
SERVERS = frozenset({DeviceKind.SERVER, DeviceKind.LOCAL_SERVER})
PROCESSOR = frozenset({DeviceKind.CPU})
OFFLOADED = GPUS | {DeviceKind.SOFTWARE}  # to which an engine gives layers

# name → how drivers, Vulkan, OpenCL and Direct3D call it
_SOFTWARE: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "llvmpipe": r"llvmpipe|lavapipe",
        "softpipe": r"softpipe|swrast",
        "SwiftShader": r"swiftshader",
        "WARP": r"microsoft basic render|direct3d ?\d* warp|\bWARP adapter|^WARP$",
        "PoCL": r"\bpocl\b|portable computing language|^(?:pthread|cpu|cpu-minimal|basic)-(?!gpu)\w+",
        "software renderer": r"software (?:renderer|rasterizer|device|adapter)",
    }.items()
}


def software_name(*texts: str) -> str:
    """The software device that a device's name or description means; "" where it means none."""
    return next((name for name, pattern in _SOFTWARE.items() if any(map(pattern.search, texts))), "")


def kinds_of(listed: Iterable[DeviceKind | str]) -> frozenset[DeviceKind]:
    """What computed, by the devices that took part: a helper beside another device is not counted as a place."""
    found = frozenset(map(DeviceKind, listed))
    return found - {DeviceKind.ACCELERATOR} or found


def is_evident(listed: Iterable[DeviceKind | str]) -> bool:
    """Whether the devices that took part tell what computed the layers: one place, not a processor beside another device."""
    found = kinds_of(listed)
    return len(found) <= 1 or DeviceKind.CPU not in found


def stated(computed_on: Iterable[DeviceKind | str], listed: Iterable[DeviceKind | str]) -> frozenset[DeviceKind]:
    """What the adapter says that computed, or else what its devices tell."""
    return frozenset(map(DeviceKind, computed_on)) or kinds_of(listed)


def of_facts(facts: Mapping[str, Any]) -> frozenset[DeviceKind]:
    """The same, of a runtime's facts as a worker sends them. Raises `ValueError` for a kind that there is not."""
    return stated(facts.get("computed_on", ()), [str(device["kind"]) for device in facts["devices"]])


def text_of(kinds: Iterable[DeviceKind]) -> str:
    """As the setting `computed_on` of a record: `cpu, gpu`."""
    return ", ".join(sorted(kinds))


def read(text: Any) -> frozenset[DeviceKind] | None:
    """The reverse of `text_of`; None where it is not one (a record from before, or of an adapter with that setting)."""
    try:
        return frozenset(map(DeviceKind, text.split(", "))) if isinstance(text, str) else None
    except ValueError:
        return None
