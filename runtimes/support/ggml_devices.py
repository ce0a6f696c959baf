"""The devices that a build of llama.cpp lists, by ggml's own properties: name, kind, memory, and the place on the PCI bus."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

from harness.device_ids import pci
from harness.device_kinds import DeviceKind, software_name
from runtimes.interface import Device

DEVICE_KINDS = {0: DeviceKind.CPU, 1: DeviceKind.GPU, 2: DeviceKind.IGPU, 3: DeviceKind.ACCELERATOR}


@dataclass(frozen=True, slots=True)
class Listed:
    """One device; `place` is its PCI id, "" where the backend tells none; `handle` is ggml's own."""

    device: Device
    place: str = ""
    handle: int = 0

    @property
    def name(self) -> str:
        """As ggml calls it: CUDA0, Vulkan1."""
        return self.device.name

    @property
    def kind(self) -> DeviceKind:
        """What it is, a software device among GPUs told apart."""
        return self.device.kind


class _Properties(ctypes.Structure):
    """`ggml_backend_dev_props` (ggml-backend.h). Before September 2025 it had no `device_id`: `caps` came in its place."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("description", ctypes.c_char_p),
        ("memory_free", ctypes.c_size_t),
        ("memory_total", ctypes.c_size_t),
        ("type", ctypes.c_int),
        ("device_id", ctypes.c_void_p),
        ("rest", ctypes.c_char * 256),  # capabilities: more of them with each release
    )


def listed(ggml: ctypes.CDLL, base: ctypes.CDLL) -> tuple[Listed, ...]:
    """Every device that this build can use, as ggml lists them. `ggml` registers, `base` asks."""
    ggml.ggml_backend_dev_count.restype = ctypes.c_size_t
    ggml.ggml_backend_dev_get.restype = ctypes.c_void_p
    ggml.ggml_backend_dev_get.argtypes = [ctypes.c_size_t]
    for name in ("ggml_backend_dev_name", "ggml_backend_dev_description"):
        getattr(base, name).restype = ctypes.c_char_p
        getattr(base, name).argtypes = [ctypes.c_void_p]
    base.ggml_backend_dev_type.argtypes = [ctypes.c_void_p]
    base.ggml_backend_dev_get_props.argtypes = [ctypes.c_void_p, ctypes.POINTER(_Properties)]
    base.ggml_backend_dev_get_props.restype = None
    return tuple(_one(base, ggml.ggml_backend_dev_get(index)) for index in range(ggml.ggml_backend_dev_count()))


def _one(base: ctypes.CDLL, handle: int) -> Listed:
    found = _Properties()
    base.ggml_backend_dev_get_props(handle, ctypes.byref(found))
    name, description = (
        getattr(base, f"ggml_backend_dev_{what}")(handle).decode(errors="replace") for what in ("name", "description")
    )
    kind = kind_of(base.ggml_backend_dev_type(handle), name, description)
    # The exact size of main memory would help to single a machine out; its tier is captured elsewhere.
    memory = None if kind is DeviceKind.CPU else found.memory_total or None
    return Listed(Device(name, kind, description, memory), _place(found), handle)


def kind_of(number: int, name: str, description: str) -> DeviceKind:
    """ggml's Vulkan backend calls every device a GPU, those that are computed by the processor too."""
    kind = DEVICE_KINDS.get(number, DeviceKind.ACCELERATOR)
    computes_apart = kind in (DeviceKind.GPU, DeviceKind.IGPU)
    return DeviceKind.SOFTWARE if computes_apart and software_name(name, description) else kind


def _place(found: _Properties) -> str:
    address: int | None = found.device_id
    # Where there is no such field, the capabilities' booleans lie there: bytes of 0 and 1, which no address has.
    if not address or set(address.to_bytes(8, "little")) <= {0, 1}:
        return ""
    return pci(ctypes.string_at(address).decode(errors="replace")) or ""
