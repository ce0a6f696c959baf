"""Which device computed what, from llama.cpp's own log while it loads. Pure: text in, values out.

"offloaded X/Y layers" repeats what was asked, cut to what the model has; the lines that assign each layer and those of the
buffers that were really made are the engine's account (llama-model.cpp, llama-kv-cache.cpp, llama-context.cpp).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from harness.device_kinds import OFFLOADED, DeviceKind, kinds_of
from runtimes.interface import Device, Scalar

# Lines of the debug level that must be kept for this, too.
WANTED = re.compile(r"assigned to device|buffer type overridden to|cannot be used with preferred buffer type")

_ASSIGNED = re.compile(r"layer\s+(\d+) assigned to device ([^,\s]+)")
_OFFLOADED = re.compile(r"offloaded (\d+)/(\d+) layers")
_BUFFER = re.compile(r"(\S+)\s+(model|KV|RS|compute) buffer size\s*=\s*([\d.]+)")
_OVERRIDDEN = re.compile(r"tensor (\S+) \([^)]*\) buffer type overridden to (\S+)")
_MOVED = re.compile(
    r"tensor '[^']*' \(\S+\) \(and (\d+) others\) cannot be used with preferred buffer type (\S+), using (\S+)"
)
_HOST = "CPU"


@dataclass(frozen=True, slots=True)
class Placement:
    """What the engine reported. Devices go by ggml's names; main memory is `CPU`, whatever its buffers are called."""

    layers: Mapping[str, int]  # layers that each device computes, the output layer among them; empty where not told
    cache: frozenset[str]  # where the KV cache (or recurrent state) lies
    computing: (
        frozenset[str] | None
    )  # devices that hold weights, cache or a compute buffer; None where nothing was told
    on_cpu_tensors: int = 0  # weights of a GPU's layers that were kept in main memory

    @property
    def total(self) -> int:
        """Layers in all."""
        return sum(self.layers.values())


def placement_of(log: str, devices: Iterable[Device]) -> Placement:
    """From the log, and the devices that the build lists."""
    names = [device.name for device in devices if device.kind in OFFLOADED]
    layers = _layers(log, names)
    buffers = [(_owner(name, names), kind) for name, kind, size in _BUFFER.findall(log) if float(size) > 0]
    moved = {tensor for tensor, place in _OVERRIDDEN.findall(log) if _owner(place, names) == _HOST}
    fallen = sum(
        int(others) + 1
        for others, wanted, used in _MOVED.findall(log)
        if _owner(wanted, names) != _HOST and _owner(used, names) == _HOST
    )
    computing = frozenset(owner for owner, _ in buffers) | frozenset(layers)
    return Placement(
        layers=layers,
        cache=frozenset(owner for owner, kind in buffers if kind in ("KV", "RS")),
        computing=computing or None,
        on_cpu_tensors=len(moved) + fallen,
    )


def used(devices: Iterable[Device], placement: Placement, gpu_layers: int = -1) -> tuple[Device, ...]:
    """The devices that took part: a GPU that holds nothing and computes nothing did not. Where the engine is silent, all
    did, unless it was told to give the GPUs no layer.

    What is reached over RPC computes in another machine, and its name is an address: neither may be recorded as ours.
    """
    kept = []
    for device in devices:
        if device.kind in OFFLOADED and not _took_part(device.name, placement, gpu_layers):
            continue
        remote = device.name.startswith("RPC")
        kept.append(
            replace(device, name="RPC", kind=DeviceKind.SERVER, description="another machine") if remote else device
        )
    return tuple(kept)


def _took_part(name: str, placement: Placement, gpu_layers: int) -> bool:
    return gpu_layers != 0 if placement.computing is None else name in placement.computing


def computed_on(devices: Iterable[Device], placement: Placement) -> tuple[DeviceKind, ...]:
    """Of the devices that took part, what computed the layers: the processor beside GPUs, unless all was surely theirs."""
    kinds = kinds_of(device.kind for device in devices)
    whole = placement.total and not placement.layers.get(_HOST) and not placement.on_cpu_tensors
    alone = kinds - {DeviceKind.CPU} if whole and _HOST not in placement.cache else kinds
    return tuple(sorted(alone or kinds))


def settings_of(devices: Iterable[Device], placement: Placement) -> dict[str, Scalar]:
    """What a record says of the split; only of runs in which a GPU took part, and only what was reported."""
    gpus = [device.name for device in devices if device.kind in OFFLOADED]
    if not gpus:
        return {}
    found: dict[str, Scalar] = {}
    if placement.total:
        on_gpus = placement.total - placement.layers.get(_HOST, 0)
        found["gpu_layers_offloaded"] = f"{on_gpus}/{placement.total}"
        found["layers_on"] = ", ".join(f"{name} {count}" for name, count in sorted(placement.layers.items()))
    if placement.cache:
        found["kv_cache_on"] = ", ".join(sorted(placement.cache))
    if placement.on_cpu_tensors:
        found["gpu_tensors_on_cpu"] = placement.on_cpu_tensors
    return found


def _layers(log: str, gpus: list[str]) -> dict[str, int]:
    assigned = {int(layer): _owner(device, gpus) for layer, device in _ASSIGNED.findall(log)}
    if assigned:
        return dict(Counter(assigned.values()))
    # A build that does not say where each layer lies: the summary, which names no device and so needs a single one.
    summary = _OFFLOADED.findall(log)
    if not summary or len(gpus) > 1:
        return {}
    done, total = (int(number) for number in summary[-1])
    on_gpu = done if gpus else 0
    return {name: count for name, count in ((_HOST, total - on_gpu), (gpus[0] if gpus else "", on_gpu)) if count}


def _owner(buffer: str, gpus: Iterable[str]) -> str:
    """The device of a buffer: "CUDA0" and "MTL0_Mapped" are a GPU's; "CPU_REPACK", "AMX" and "CUDA_Host" main memory."""
    return next((name for name in gpus if buffer == name or buffer.startswith(f"{name}_")), _HOST)
