"""Which logical CPUs an engine's threads are bound to: one of each core, the fast cores first."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path


def cpus_for(threads: int, allowed: Iterable[int], root: Path = Path("/sys/devices")) -> list[int]:
    """`threads` of the allowed CPUs. Second threads of a core come after all cores, slow cores after the fast ones.

    Systems number a core's threads side by side or far apart: the first CPUs of a list may be half as many cores.
    """
    usable = sorted(set(allowed))
    named = _listed(root / "cpu_core" / "cpus")
    speed = {cpu: _speed(root / "system" / "cpu" / f"cpu{cpu}") for cpu in usable}
    taken: set[frozenset[int]] = set()
    order = []
    for cpu in usable:
        core = frozenset(_listed(root / "system" / "cpu" / f"cpu{cpu}" / "topology" / "thread_siblings_list")) or {cpu}
        second = frozenset(core) in taken
        taken.add(frozenset(core))
        order.append((second, cpu not in named if named else False, -speed[cpu], cpu))
    return sorted(cpu for *_, cpu in sorted(order)[:threads])


def _speed(folder: Path) -> int:
    """The scheduler's capacity of a CPU; 0 where it has none. Clocks differ between cores of one kind and do not order them."""
    try:
        return int((folder / "cpu_capacity").read_text())
    except (OSError, ValueError):
        return 0


def _listed(path: Path) -> set[int]:
    """The kernel's list format, "0-3,8"; empty where it can't be read."""
    try:
        parts = [part.partition("-") for part in path.read_text().strip().split(",") if part]
        return {cpu for low, _, high in parts for cpu in range(int(low), int(high or low) + 1)}
    except (OSError, ValueError):
        return set()


def allowed_cpus() -> frozenset[int]:
    """The CPUs that this process may run on; all, where the system has no affinity masks."""
    if hasattr(os, "sched_getaffinity"):
        return frozenset(os.sched_getaffinity(0))
    return frozenset(range(os.cpu_count() or 1))
