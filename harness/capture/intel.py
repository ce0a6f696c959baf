"""Intel's GPUs as the kernel's drivers i915 and xe list them. Nothing here raises, and nothing is guessed.

Their memory: xe tells it tile by tile (`device/tile0/physical_vram_size_bytes`), Intel's own i915 beside the card
(`lmem_total_bytes`); the kernel's i915 tells none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from harness.capture.facts import UNLISTED, Fact, known, unknown, whole
from harness.capture.source import Source, Tree
from harness.catalog import intel_gpus
from harness.device_ids import pci

DRIVERS = frozenset(("i915", "xe"))
_CARD = re.compile(r"sys/class/drm/card(\d+)/device/vendor")
SHARED = "it is a part of the processor and uses the machine's memory"


@dataclass(frozen=True, slots=True)
class IntelGpu:
    """One device. `integrated`: a part of the processor. Its place stays out of JSON."""

    name: Fact[str]
    integrated: Fact[bool]
    memory_bytes: Fact[int]
    driver: Fact[str]
    pci_id: Fact[str]
    ids: frozenset[str] = field(default=frozenset(), metadata=UNLISTED)

    @property
    def called(self) -> str:
        """What it is called; what is not in the table by its PCI id."""
        return self.name.value or f"a GPU of Intel's, PCI id {self.pci_id.value or 'unknown'}"


def read_intel(source: Source) -> Fact[tuple[IntelGpu, ...]]:
    """Every GPU that one of the drivers has, in the kernel's order."""
    if not source.linux:
        return unknown("Intel's GPUs are read on Linux")
    tree, cards = source.tree, []
    for path in tree.names("sys/class/drm/card*/device/vendor"):
        card = _CARD.fullmatch(path)
        if card is not None and (tree.line(path).value or "").lower() == f"0x{intel_gpus.VENDOR}":
            cards.append(int(card[1]))
    found = tuple(one for number in sorted(cards) if (one := _gpu(tree, f"sys/class/drm/card{number}")) is not None)
    return known(found) if found else unknown("neither i915 nor xe has a GPU")


def _gpu(tree: Tree, card: str) -> IntelGpu | None:
    """None for what neither driver has: a card that is given away to a virtual machine, or another kind of device."""
    told = dict(line.split("=", 1) for line in (tree.text(f"{card}/device/uevent").value or "").split() if "=" in line)
    driver = told.get("DRIVER", "")
    if driver not in DRIVERS:
        return None
    number = (tree.line(f"{card}/device/device").value or "").lower().removeprefix("0x")
    part = intel_gpus.named(number)
    shown = f"{intel_gpus.VENDOR}:{number}"
    lacking = f"the PCI id {shown} is not in the table"
    place = pci(told.get("PCI_SLOT_NAME", ""))
    return IntelGpu(
        name=unknown(lacking) if part is None else known(part.name),
        integrated=unknown(lacking) if part is None else known(part.integrated),
        memory_bytes=unknown(SHARED) if part is not None and part.integrated else _memory(tree, card),
        driver=known(driver),
        pci_id=known(shown) if re.fullmatch(r"[0-9a-f]{4}", number) else unknown("the kernel tells no id"),
        ids=frozenset() if place is None else frozenset((place,)),
    )


def _memory(tree: Tree, card: str) -> Fact[int]:
    tiles = [_bytes(tree, name) for name in tree.names(f"{card}/device/tile*/physical_vram_size_bytes")]
    total = sum(one for one in tiles if one is not None) if None not in tiles else 0
    total = total or _bytes(tree, f"{card}/lmem_total_bytes") or 0
    return known(total) if total else unknown("the driver does not tell it")


def _bytes(tree: Tree, name: str) -> int | None:
    return whole(tree.line(name).value or "")
