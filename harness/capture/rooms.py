"""Memory that a model may still take here: the machine's, less by control groups, and that of the GPUs. Nothing here raises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import psutil

from harness.capture import cgroup, nvidia, visible_devices
from harness.capture.source import Source
from harness.capture.visible_devices import Card
from harness.device_ids import pci

# With these llama.cpp takes the machine's memory where a card's is full.
_OVERFLOW = {
    "cuda": ("GGML_CUDA_ENABLE_UNIFIED_MEMORY",),
    "rocm": ("GGML_CUDA_ENABLE_UNIFIED_MEMORY",),
    "vulkan": ("GGML_VK_ALLOW_SYSMEM_FALLBACK", "GGML_VK_PREFER_HOST_MEMORY"),
}


class GpuRoom(NamedTuple):
    """A card, or a slice of one: free and all bytes; "" for a PCI place or an id that nobody tells."""

    name: str
    free: int
    total: int
    place: str = ""
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class Rooms:
    """Bytes. `gpus`: those that an engine may see; None where that, or their memory, is not known, for the reason `why`; with a
    `why` and none of them they are hidden. `ordered`: they stand as the engine numbers them.
    """

    memory_free: int
    memory_total: int
    gpus: tuple[GpuRoom, ...] | None
    why: str = ""
    ordered: bool = True

    @property
    def hidden(self) -> bool:
        """Whether the environment keeps every GPU from the engine: it computes on the processor then."""
        return not self.gpus and self.gpus is not None and bool(self.why)


def read_rooms(source: Source, backend: str, environment: Mapping[str, str]) -> Rooms:
    """As it is now. `backend`: whose GPUs (cuda, rocm, vulkan); for any other there are none."""
    memory = psutil.virtual_memory()
    free, total = int(memory.available), int(memory.total)
    if source.linux:
        left, limit = cgroup.memory_left_bytes(source.tree), cgroup.memory_limit_bytes(source.tree).value
        free = free if left is None else min(free, left)
        total = total if limit is None else min(total, limit)
    gpus, why, ordered = _gpus(source, backend, environment)
    return Rooms(free, total, gpus, why, ordered)


_Seen = tuple[tuple[GpuRoom, ...] | None, str, bool]


def _gpus(source: Source, backend: str, environment: Mapping[str, str]) -> _Seen:
    if backend not in _OVERFLOW:
        return (), "", True
    overflow = next((name for name in _OVERFLOW[backend] if environment.get(name)), None)
    if overflow is not None:
        return None, f"{overflow} lets the engine use the machine's memory beside it", True
    if backend == "cuda":
        return _cuda(environment)
    if backend == "rocm":
        return _rocm(source, environment)
    return _vulkan(source, environment)


def _cuda(environment: Mapping[str, str]) -> _Seen:
    with nvidia.session() as nvml:
        if nvml is None:
            return None, _NO_DRIVER, True
        cards = _cards(nvml)
        if cards is None:
            return None, _SILENT, True
        seen = visible_devices.cuda(environment, cards)
        if seen.ids is None:
            return None, seen.reason, True
        rooms = [_room(nvml, uuid) for uuid in seen.ids]
        found = tuple(room for room in rooms if room is not None)
        if len(found) < len(rooms):
            return None, _SILENT, True
        return found, "" if found else seen.reason or _NO_DRIVER, seen.ordered


def _rocm(source: Source, environment: Mapping[str, str]) -> _Seen:
    cards = _amd(source)
    if not any(cards):
        return None, _NO_DRIVER, True
    seen = visible_devices.hip(environment, len(cards))
    if seen is None:
        return None, "which of several GPUs are shown to the engine is not known", True
    shown = [cards[index] for index in seen]
    found = tuple(card for card in shown if card is not None)
    if not found and shown:
        return None, _NO_DRIVER, True
    # A part within a processor, of unknown memory, is one more device, and moves the numbers of the others.
    return found, "" if found else "the environment hides every device", len(found) == len(shown)


def _vulkan(source: Source, environment: Mapping[str, str]) -> _Seen:
    """Every card, whatever CUDA's and HIP's variables say; Vulkan's own counts in an order that no driver tells."""
    if "GGML_VK_VISIBLE_DEVICES" in environment:
        return None, "which GPUs GGML_VK_VISIBLE_DEVICES means is not known", True
    with nvidia.session() as nvml:
        cards = () if nvml is None else _cards(nvml)
        rooms = [] if nvml is None or cards is None else [_room(nvml, card.uuid) for card in cards]
    if cards is None or None in rooms:
        return None, _SILENT, True
    found = (*(room for room in rooms if room is not None), *(card for card in _amd(source) if card is not None))
    return (found, "", len(found) == 1) if found else (None, _NO_DRIVER, True)


_NO_DRIVER = "no driver tells the memory of its GPU"
_SILENT = "NVIDIA's management library does not answer for each of its cards"


def _cards(nvml: Any) -> tuple[Card, ...] | None:
    """None where one of them does not answer: the numbers of the others would not be known."""
    try:
        found = nvidia.cards(nvml)
        return found if len(found) == int(nvml.nvmlDeviceGetCount()) else None
    except nvidia.errors_of(nvml):
        return None


def _room(nvml: Any, uuid: str) -> GpuRoom | None:
    found = nvidia.find(nvml, uuid)
    if found is None or found.own is None:
        return None
    try:
        name, memory = nvml.nvmlDeviceGetName(found.own), nvml.nvmlDeviceGetMemoryInfo(found.own)
        name = name if isinstance(name, str) else name.decode(errors="replace")
        return GpuRoom(name, int(memory.free), int(memory.total), nvidia.place_of(nvml, found.card), uuid)
    except nvidia.errors_of(nvml):
        return None


def _amd(source: Source) -> tuple[GpuRoom | None, ...]:
    """Of the amdgpu driver: mem_info_vram_total and mem_info_vram_used of each card, in its order; None where it is not known.

    A part within a processor uses more than what is set aside for it; it is told by its memory, which has no maker there.
    """
    found: list[GpuRoom | None] = []
    paths = source.tree.names("sys/class/drm/card*/device/mem_info_vram_total")
    for folder in sorted((path.rpartition("/")[0] for path in paths), key=lambda name: (len(name), name)):
        total, used = (_integer(source, f"{folder}/mem_info_vram_{name}") for name in ("total", "used"))
        maker = source.tree.line(f"{folder}/mem_info_vram_vendor").value or "unknown"
        if total is None or used is None or maker == "unknown":
            found.append(None)
            continue
        name = source.tree.line(f"{folder}/product_name").value or "AMD GPU"
        found.append(GpuRoom(name, max(total - used, 0), total, _place(source, folder)))
    return tuple(found)


def _place(source: Source, folder: str) -> str:
    for line in (source.tree.text(f"{folder}/uevent").value or "").splitlines():
        if line.startswith("PCI_SLOT_NAME="):
            return pci(line.partition("=")[2]) or ""
    return ""


def _integer(source: Source, name: str) -> int | None:
    text = source.tree.line(name).value or ""
    return int(text) if text.isdigit() else None
