"""What torch tells of devices and types, in a record's words; shared by the adapters whose engines run on it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from harness.device_ids import pci_of
from runtimes.interface import Device, DeviceKind

DTYPES = ("auto", "bfloat16", "float16", "float32")  # of weights, as an option offers them
_KV_TYPES = {"bfloat16": "bf16", "float16": "f16", "float32": "f32"}


def kv_type(dtype: str) -> str:
    """A cache's type as llama.cpp names it, from torch's name for it."""
    return _KV_TYPES.get(dtype, dtype)


def processor(torch: Any) -> Device:
    """The CPU, by the instruction set that torch's kernels were chosen for."""
    return Device("CPU", DeviceKind.CPU, f"torch with {torch.backends.cpu.get_cpu_capability()}")


def gpu(torch: Any, index: int) -> Device:
    """A CUDA (or HIP) device."""
    found = torch.cuda.get_device_properties(index)
    return Device(
        str(found.name), DeviceKind.GPU, f"compute capability {found.major}.{found.minor}", int(found.total_memory)
    )


def off_device_mib(module: Any, device: Any) -> int:
    """MiB of weights, rounded up, that lie elsewhere than on `device`'s kind: in main memory, on a disk, nowhere yet."""
    held = {id(part): part for part in (*module.parameters(), *module.buffers()) if part.device.type != device.type}
    return -(-sum(int(part.numel()) * int(part.element_size()) for part in held.values()) // (1 << 20))


def device_ids(torch: Any, indices: Iterable[int]) -> tuple[str, ...]:
    """The devices' unique ids as the driver's own library takes them, in that order; empty where torch does not tell each."""
    found = [str(getattr(torch.cuda.get_device_properties(index), "uuid", None) or "") for index in indices]
    ids = tuple(one if one.startswith(("GPU-", "MIG-")) else f"GPU-{one}" for one in found)
    return ids if all(found) else ()


def device_places(torch: Any, indices: Iterable[int]) -> tuple[str, ...]:
    """Their PCI places, in that order, "" for one that torch does not tell; CUDA and HIP tell them by the same names."""
    return tuple(_place(torch.cuda.get_device_properties(index)) for index in indices)


def _place(properties: Any) -> str:
    domain, bus, device = (getattr(properties, f"pci_{part}_id", None) for part in ("domain", "bus", "device"))
    if isinstance(domain, int) and isinstance(bus, int) and isinstance(device, int):
        return pci_of(domain, bus, device)
    return ""
