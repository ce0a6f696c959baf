"""Counters that the kernel keeps for this process, read at the boundaries of a trial: a few microseconds, untimed."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


def _cpu_stat(groups: str, root: Path) -> Path | None:
    """The cpu.stat nearest to this process that counts throttling: its own group's, or one above it."""
    for line in groups.splitlines():
        _, controllers, name = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        top = root / controllers if controllers else root
        group = top / name.lstrip("/")
        for folder in (group, *group.parents):
            stat = folder / "cpu.stat"
            if folder.is_relative_to(top) and stat.exists() and "throttled_" in stat.read_text():
                return stat
    return None


def _find() -> Path | None:
    try:
        return _cpu_stat(Path("/proc/self/cgroup").read_text(), _ROOT)
    except (OSError, ValueError):
        return None


_STAT = _find()


def _throttled_ns() -> dict[str, int]:
    """`cpu_throttled_ns`, or nothing where no group counts it: an unknown is not a zero."""
    try:
        text = _STAT.read_text() if _STAT is not None else ""
    except OSError:
        return {}
    for line in text.splitlines():
        name, _, value = line.partition(" ")
        if name in ("throttled_usec", "throttled_time"):
            return {"cpu_throttled_ns": int(value) * (1000 if name == "throttled_usec" else 1)}
    return {}


def read() -> dict[str, int]:
    """Totals since the process began; times in nanoseconds."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "minor_faults": usage.ru_minflt,
        "major_faults": usage.ru_majflt,
        "voluntary_switches": usage.ru_nvcsw,
        "involuntary_switches": usage.ru_nivcsw,
        "cpu_ns": round((usage.ru_utime + usage.ru_stime) * 1e9),
        **_throttled_ns(),
    }


def difference(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """What a trial added."""
    return {name: after[name] - before[name] for name in before if name in after}


def peak_rss_bytes(children: bool = False) -> int:
    """The most memory that this process has held, or, with `children`, one of those that it started and that have ended."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if children:
        peak = max(peak, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
    return peak if sys.platform == "darwin" else peak * 1024


def current_rss_bytes() -> int:
    """The memory that this process holds now; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * resource.getpagesize()
