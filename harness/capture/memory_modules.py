"""The machine's memory modules as its firmware lists them, where the system lets the user read that: on Linux mostly root alone.

Source: DMTF SMBIOS reference specification 3.7, structure 17 (memory device), which Linux shows under /sys/firmware/dmi/entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ENTRIES = Path("/sys/firmware/dmi/entries")
_DEVICE = 17


@dataclass(frozen=True, slots=True)
class Module:
    """One that is plugged in or soldered: its data bits, and transfers a second as configured (10^6)."""

    bits: int
    rate_mt_s: int


def parse(raw: bytes) -> Module | None:
    """One structure's bytes; None for an empty slot, another structure, or one that leaves width or rate out."""
    if len(raw) < 0x22 or raw[0] != _DEVICE or raw[1] < 0x22:
        return None
    size, bits, rate = _word(raw, 0x0C), _word(raw, 0x0A), _word(raw, 0x20)
    if rate == 0xFFFF and raw[1] >= 0x5C and len(raw) >= 0x5C:
        rate = int.from_bytes(raw[0x58:0x5C], "little")
    unknown = size == 0 or bits in (0, 0xFFFF) or rate in (0, 0xFFFF)
    return None if unknown else Module(bits, rate)


def read(folder: Path = ENTRIES) -> tuple[Module, ...]:
    """Every module that can be read; none where the firmware lists none or the user may not read it."""
    found = []
    for path in sorted(folder.glob(f"{_DEVICE}-*/raw")):
        try:
            found.append(parse(path.read_bytes()))
        except OSError:
            return ()
    return tuple(module for module in found if module is not None)


def bandwidth_bytes_per_s(modules: Sequence[Module], most_bits: int) -> int | None:
    """Width × transfers a second of all modules at the slowest one's rate; None without modules. `most_bits` is the width of all
    channels together: several modules may share one.
    """
    if not modules:
        return None
    bits = min(sum(module.bits for module in modules), most_bits)
    return bits * min(module.rate_mt_s for module in modules) * 1_000_000 // 8


def _word(raw: bytes, at: int) -> int:
    return int.from_bytes(raw[at : at + 2], "little")
