"""NVIDIA's management library by identity: its cards and slices, and which of them an engine's id or PCI place means."""

from __future__ import annotations

import contextlib
import importlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from harness.capture import visible_devices
from harness.capture.visible_devices import Card, Slice
from harness.device_ids import is_slice, pci


@dataclass(frozen=True, slots=True)
class Found:
    """A device of the library. Of a MIG slice `card` is the whole card's handle, and `own` the slice's, where it is known."""

    card: Any
    own: Any
    sliced: bool = False


def errors_of(nvml: Any) -> tuple[type[BaseException], ...]:
    """What a question may raise. The last two where a driver is older than the bindings."""
    return (nvml.NVMLError, AttributeError, getattr(nvml, "NVMLLibraryMismatchError", nvml.NVMLError))


def opened() -> Any | None:
    """The bindings, initialised; None where they or the driver are missing. The caller shuts them down."""
    try:
        nvml = importlib.import_module("pynvml")  # of the package nvidia-ml-py
        nvml.nvmlInit()
    except Exception:  # NVMLError is only known once the import went well
        return None
    return nvml


@contextlib.contextmanager
def session() -> Iterator[Any | None]:
    """`opened`, shut down at its end."""
    nvml = opened()
    try:
        yield nvml
    finally:
        if nvml is not None:
            with contextlib.suppress(*errors_of(nvml)):
                nvml.nvmlShutdown()


def cards(nvml: Any) -> tuple[Card, ...]:
    """Every card, in the library's order, which is that of their places. A card that does not answer is left out."""
    found = []
    with contextlib.suppress(*errors_of(nvml)):
        for index in range(nvml.nvmlDeviceGetCount()):
            with contextlib.suppress(*errors_of(nvml)):
                found.append(card_of(nvml, nvml.nvmlDeviceGetHandleByIndex(index)))
    return tuple(found)


def card_of(nvml: Any, handle: Any) -> Card:
    """Id, place and slices of a card. Raises the library's errors."""
    mig = is_cut(nvml, handle)
    slices = tuple(_slice(nvml, one) for one in slices_of(nvml, handle)) if mig else ()
    return Card(_text(nvml.nvmlDeviceGetUUID(handle)), place_of(nvml, handle), mig, slices)


def place_of(nvml: Any, handle: Any) -> str:
    """The PCI place of a card, "" where the library tells none."""
    with contextlib.suppress(*errors_of(nvml)):
        return pci(_text(nvml.nvmlDeviceGetPciInfo(handle).busId)) or ""
    return ""


def is_cut(nvml: Any, handle: Any) -> bool:
    """Whether the card is in MIG mode; most cards have no such mode."""
    with contextlib.suppress(*errors_of(nvml)):
        return bool(nvml.nvmlDeviceGetMigMode(handle)[0])
    return False


def slices_of(nvml: Any, handle: Any) -> list[Any]:
    """The handles of a card's slices."""
    found = []
    with contextlib.suppress(*errors_of(nvml)):
        for index in range(nvml.nvmlDeviceGetMaxMigDeviceCount(handle)):
            with contextlib.suppress(*errors_of(nvml)):  # numbers between may be free
                found.append(nvml.nvmlDeviceGetMigDeviceHandleByIndex(handle, index))
    return found


def find(nvml: Any, text: str) -> Found | None:
    """The device that an engine's UUID or PCI place means; None where the library has none, or can't tell."""
    with contextlib.suppress(*errors_of(nvml)):
        place = pci(text)
        if place is not None:
            return _whole_or_slice(nvml, nvml.nvmlDeviceGetHandleByPciBusId(place.encode()))
        return _by_uuid(nvml, text)
    return None


def only_visible(nvml: Any) -> Found | None:
    """The one device that an engine can see, where it tells neither id nor place; None where it is not a single one."""
    seen = visible_devices.cuda(os.environ, cards(nvml)).ids
    return find(nvml, seen[0]) if seen is not None and len(seen) == 1 else None


def _by_uuid(nvml: Any, text: str) -> Found:
    """By an id; CUDA tells a slice's without the word that says so."""
    try:
        handle = nvml.nvmlDeviceGetHandleByUUID(text.encode())
    except nvml.NVMLError:
        if is_slice(text):
            raise
        text = f"MIG-{text.removeprefix('GPU-')}"
        handle = nvml.nvmlDeviceGetHandleByUUID(text.encode())
    if is_slice(text):
        return Found(nvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(handle), handle, sliced=True)
    return _whole_or_slice(nvml, handle)


def _whole_or_slice(nvml: Any, handle: Any) -> Found:
    """A card, or the slice of it that this process's engines see: CUDA gives a slice its card's place."""
    if not is_cut(nvml, handle):
        return Found(handle, handle)
    card = card_of(nvml, handle)
    seen = visible_devices.cuda(os.environ, (card,)).ids
    own = [one for one in slices_of(nvml, handle) if seen is not None and _slice(nvml, one).uuid in seen]
    return Found(handle, own[0] if len(own) == 1 else None, sliced=True)


def _slice(nvml: Any, handle: Any) -> Slice:
    instance = compute = None
    with contextlib.suppress(*errors_of(nvml)):
        instance = int(nvml.nvmlDeviceGetGpuInstanceId(handle))
        compute = int(nvml.nvmlDeviceGetComputeInstanceId(handle))
    return Slice(_text(nvml.nvmlDeviceGetUUID(handle)), instance, compute)


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def places_of(uuids: Sequence[str]) -> dict[str, str]:
    """id or its beginning → PCI place, for those that mean one card of this machine."""
    with session() as nvml:
        known = () if nvml is None else cards(nvml)
    found = {}
    for uuid in uuids:
        own = [card for card in known if card.uuid.upper().startswith(uuid.upper())]
        if len(own) == 1 and own[0].place:
            found[uuid] = own[0].place
    return found
