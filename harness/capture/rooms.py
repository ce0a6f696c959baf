"""Memory that a model may still take here: the machine's, less by control groups, and that of the GPUs. Nothing here raises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

import psutil

from harness.capture import cgroup
from harness.capture.source import Source

_VISIBLE = ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "GGML_VK_VISIBLE_DEVICES")
# With these llama.cpp takes the machine's memory where a card's is full.
_OVERFLOW = ("GGML_CUDA_ENABLE_UNIFIED_MEMORY", "GGML_VK_ALLOW_SYSMEM_FALLBACK", "GGML_VK_PREFER_HOST_MEMORY")
GpuRoom = tuple[str, int, int]  # name, free and all bytes


@dataclass(frozen=True, slots=True)
class Rooms:
    """Bytes. `gpus`: name, free and all memory of each that a model may be spread over; None where that is not known."""

    memory_free: int
    memory_total: int
    gpus: tuple[GpuRoom, ...] | None
    why: str = ""  # the GPUs' memory is not known


def read_rooms(source: Source, backend: str, environment: Mapping[str, str]) -> Rooms:
    """As it is now. `backend`: whose GPUs (cuda, rocm, vulkan); for any other there are none."""
    memory = psutil.virtual_memory()
    free, total = int(memory.available), int(memory.total)
    if source.linux:
        left, limit = cgroup.memory_left_bytes(source.tree), cgroup.memory_limit_bytes(source.tree).value
        free = free if left is None else min(free, left)
        total = total if limit is None else min(total, limit)
    gpus, why = _gpus(source, backend, environment)
    return Rooms(free, total, gpus, why)


def _gpus(source: Source, backend: str, environment: Mapping[str, str]) -> tuple[tuple[GpuRoom, ...] | None, str]:
    if backend not in ("cuda", "rocm", "vulkan"):
        return (), ""
    overflow = next((name for name in _OVERFLOW if environment.get(name)), None)
    if overflow is not None:
        return None, f"{overflow} lets the engine use the machine's memory beside it"
    nvidia = _nvidia() if backend in ("cuda", "vulkan") else ()
    amd = _amd(source) if backend in ("rocm", "vulkan") else ()
    if nvidia is None:
        return None, "NVIDIA's management library does not answer"
    found = nvidia + amd
    if not found:
        return None, "no driver tells the memory of its GPU"
    shown = next((environment[name] for name in _VISIBLE if name in environment), None)
    if shown is None or len(found) == 1:
        return found, ""
    if re.fullmatch(r"\d+(,\d+)*", shown) and all(int(one) < len(found) for one in shown.split(",")):
        return tuple(found[int(one)] for one in shown.split(",")), ""
    return None, "which of several GPUs are shown to the engine is not known"


def _nvidia() -> tuple[GpuRoom, ...] | None:
    """None where there is a driver that can't be asked."""
    try:
        import pynvml as nvml
    except ImportError:
        return ()
    try:
        nvml.nvmlInit()
    except nvml.NVMLError:
        return ()
    try:
        found = []
        for index in range(nvml.nvmlDeviceGetCount()):
            handle = nvml.nvmlDeviceGetHandleByIndex(index)
            name, memory = nvml.nvmlDeviceGetName(handle), nvml.nvmlDeviceGetMemoryInfo(handle)
            found.append((name if isinstance(name, str) else name.decode(), int(memory.free), int(memory.total)))
        return tuple(found)
    except (nvml.NVMLError, AttributeError):
        return None
    finally:
        nvml.nvmlShutdown()


def _amd(source: Source) -> tuple[GpuRoom, ...]:
    """Of the amdgpu driver: mem_info_vram_total and mem_info_vram_used of each card.

    A part within a processor uses more than what is set aside for it; it is told by its memory, which has no maker there.
    """
    found = []
    for path in source.tree.names("sys/class/drm/card?/device/mem_info_vram_total"):
        folder = path.rpartition("/")[0]
        total, used = (_integer(source, f"{folder}/mem_info_vram_{name}") for name in ("total", "used"))
        maker = source.tree.line(f"{folder}/mem_info_vram_vendor").value or "unknown"
        if total is not None and used is not None and maker != "unknown":
            found.append((source.tree.line(f"{folder}/product_name").value or "AMD GPU", max(total - used, 0), total))
    return tuple(found)


def _integer(source: Source, name: str) -> int | None:
    text = source.tree.line(name).value or ""
    return int(text) if text.isdigit() else None
