"""OpenVINO's own words on what it compiled, its devices, and what its GGUF reader makes of a file's weights.

The pipeline hides its compiled model; what that resolved is printed where OPENVINO_LOG_LEVEL is 2 or more. It is read while the
model is loaded, from the worker's own standard output.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from harness.device_ids import pci_of
from runtimes.interface import Device, DeviceKind, Scalar
from runtimes.support.gguf_header import GgufHeader

LEVEL = "OPENVINO_LOG_LEVEL"
UNKNOWN = "unknown"
MODEL = "Model: LLM with Paged Attention"
# Of ggml's types, those that its reader turns into integers and a zero point for each group (gguf_quants.cpp,
# building_blocks.cpp). A minimum is rounded to a whole number of steps: of Q4_1 and Q4_K that changes weights.
_ROUNDED = ("Q4_1", "Q4_K")
_INTEGERS = {"Q4_0": "u4", "Q4_1": "u4", "Q4_K": "u4", "Q6_K": "u8", "Q8_0": "u8"}
_FLOATS = {"F32": "f32", "F16": "f16", "BF16": "bf16"}
# The engine's property → the setting's name; numbers become whole numbers.
_SETTINGS = {
    "INFERENCE_PRECISION_HINT": "dtype", "KEY_CACHE_PRECISION": "type_k", "VALUE_CACHE_PRECISION": "type_v",
    "DYNAMIC_QUANTIZATION_GROUP_SIZE": "dynamic_quantization", "INFERENCE_NUM_THREADS": "threads", "NUM_STREAMS": "streams",
    "PERFORMANCE_HINT": "performance_hint", "EXECUTION_MODE_HINT": "execution_mode", "ENABLE_CPU_PINNING": "pinned",
    "ENABLE_HYPER_THREADING": "hyper_threading", "SCHEDULING_CORE_TYPE": "core_type",
    "KEY_CACHE_GROUP_SIZE": "key_group", "VALUE_CACHE_GROUP_SIZE": "value_group",
}  # fmt: skip


class Printed:
    """What the engine printed; whole once the block around it has ended."""

    text = ""


@contextmanager
def printed() -> Iterator[Printed]:
    """Make the engine tell its properties, and keep what it prints meanwhile instead of passing it on."""
    found, before = Printed(), os.environ.get(LEVEL)
    sys.stdout.flush()
    own = os.dup(1)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 1)
        os.environ[LEVEL] = "2"
        try:
            yield found
        finally:
            os.dup2(own, 1)
            os.close(own)
            if before is None:
                del os.environ[LEVEL]
            else:
                os.environ[LEVEL] = before
            file.seek(0)
            found.text = file.read().decode(errors="replace")


def properties(text: str) -> dict[str, str]:
    """The compiled model's properties, from what was printed of it; empty where it was not."""
    _, _, after = text.partition(MODEL)
    found = {}
    for line in after.splitlines()[1:]:
        name, colon, value = line.strip().partition(":")
        if not line.startswith("  ") or not colon:
            break
        found[name] = value.strip()
    return found


def settings(told: Mapping[str, str]) -> dict[str, Scalar]:
    """Those of the properties that a record holds, by our names. A GPU has no threads of its own to tell."""
    found: dict[str, Scalar] = {}
    for name, ours in _SETTINGS.items():
        value = told.get(name)
        if value is not None:
            yes_or_no = {"YES": True, "NO": False}.get(value)
            found[ours] = yes_or_no if yes_or_no is not None else int(value) if value.isdigit() else value.lower()
    return found


def weights(header: GgufHeader) -> str:
    """What the reader makes of the matrices, such as `u4+zp4`: `zp4` where a group's minimum became a 4-bit zero point."""
    types = set(header.matrices.values())
    made = {_INTEGERS.get(one) or _FLOATS.get(one) or UNKNOWN for one in types}
    made |= {"zp4"} if types & set(_ROUNDED) else set()
    return "+".join(sorted(made))


def device(core: Any, name: str) -> Device:
    """A device as the engine names it."""
    kind = DeviceKind.CPU
    if not name.startswith("CPU"):
        integrated = "INTEGRATED" in str(_told(core, name, "DEVICE_TYPE")).upper()
        kind = DeviceKind.IGPU if integrated else DeviceKind.GPU if name.startswith("GPU") else DeviceKind.ACCELERATOR
    memory = _told(core, name, "GPU_DEVICE_TOTAL_MEM_SIZE")
    full = str(_told(core, name, "FULL_DEVICE_NAME") or name)
    architecture = str(_told(core, name, "DEVICE_ARCHITECTURE") or "unknown")
    shown = f"OpenVINO's {name}, architecture {architecture}"
    return Device(full, kind, shown, int(memory) if isinstance(memory, int) else None)


def places(core: Any, names: Iterable[str]) -> tuple[str, ...]:
    """PCI places of the GPUs, "" for one that is not told."""
    return tuple(_place(_told(core, name, "DEVICE_PCI_INFO")) for name in names if name.startswith("GPU"))


def _place(info: Any) -> str:
    parts = [part for name in ("domain", "bus", "device") if isinstance(part := getattr(info, name, None), int)]
    return pci_of(*parts) if len(parts) == 3 else ""


def _told(core: Any, name: str, key: str) -> Any:
    with suppress(Exception):  # a property that this device does not have
        return core.get_property(name, key)
    return None
