"""How devices are told apart by their drivers: PCI places and ids of NVIDIA's library, in one spelling. Pure."""

from __future__ import annotations

import re

# "0000:c1:00.0" (ggml, sysfs), "00000000:C1:00.0" (NVML), "10000:01:00.0" (behind a volume controller), "c1:00.0" (lspci).
_PCI = re.compile(r"(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):([0-9a-f]{1,2})(?:\.([0-7]))?", re.IGNORECASE)
_UUID = re.compile(
    r"(?:GPU|MIG)-[0-9a-f]{4,8}(?:-[0-9a-f]{0,4}){0,3}(?:-[0-9a-f]{0,12})?|MIG-GPU-[0-9a-f-]{8,36}(?:/\d+/\d+)?",
    re.IGNORECASE,
)
_NAMES_A_DEVICE = re.compile(
    r"(?:GPU|MIG)-[0-9a-f]{4}|(?<![0-9a-f:])(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7](?![0-9a-f])",
    re.IGNORECASE,
)


def pci(text: str) -> str | None:
    """The place as sysfs and ggml write it, `0000:c1:00.0`, whatever the width of its domain; None where it is not one."""
    found = _PCI.fullmatch(text.strip())
    if found is None:
        return None
    domain, bus, device, function = (int(part or "0", 16) for part in found.groups())
    return pci_of(domain, bus, device, function) if device < 32 else None


def pci_of(domain: int, bus: int, device: int, function: int = 0) -> str:
    """The same from its numbers."""
    return f"{domain:04x}:{bus:02x}:{device:02x}.{function}"


def is_uuid(text: str) -> bool:
    """Whether it is an id of NVIDIA's, or its beginning: `GPU-…` a card's, `MIG-…` and `MIG-GPU-…/1/0` a slice's."""
    return _UUID.fullmatch(text.strip()) is not None


def is_slice(text: str) -> bool:
    """Whether an id is a MIG slice's."""
    return text.strip().upper().startswith("MIG-")


def names_a_device(text: str) -> bool:
    """Whether a text holds a card's own id or its place: neither is published."""
    return _NAMES_A_DEVICE.search(text) is not None
