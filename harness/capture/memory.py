"""Main memory: how much there is, how much may be used, and whether the system swaps."""

from __future__ import annotations

from dataclasses import dataclass

import psutil

from harness.capture import cgroup
from harness.capture.facts import Fact, known, unknown
from harness.capture.source import Source
from harness.catalog.memory_tiers import tier_gib


@dataclass(frozen=True, slots=True)
class Memory:
    """The tier is the coarse value for the public: the marketed size that holds the total."""

    tier_gib: Fact[int]
    available_bytes: Fact[int]
    limit_bytes: Fact[int]
    swap_total_bytes: Fact[int]
    swap_used_bytes: Fact[int]
    huge_pages: Fact[str]


def chosen(text: str) -> str | None:
    """The word in brackets: `always [madvise] never`."""
    inside = text.partition("[")[2].partition("]")[0]
    return inside or None


def usable_bytes(memory: Memory) -> int:
    """What a program may still take: the free memory, or less where a control group says so."""
    free = memory.available_bytes.value or 0
    return free if memory.limit_bytes.value is None else min(free, memory.limit_bytes.value)


def read_memory(source: Source) -> Memory:
    """The memory of this machine."""
    memory, swap = psutil.virtual_memory(), psutil.swap_memory()
    huge = source.tree.line("sys/kernel/mm/transparent_hugepage/enabled").then(chosen, "no mode is chosen")
    return Memory(
        tier_gib=known(tier_gib(memory.total)),
        available_bytes=known(memory.available),
        limit_bytes=cgroup.memory_limit_bytes(source.tree) if source.linux else unknown(cgroup.NO_LIMIT),
        swap_total_bytes=known(swap.total),
        swap_used_bytes=known(swap.used),
        huge_pages=huge if source.linux else unknown("a setting of Linux"),
    )
