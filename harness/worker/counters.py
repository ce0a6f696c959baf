"""Counters that the kernel keeps for this process, read at the boundaries of a trial: a few microseconds, untimed."""

from __future__ import annotations

import resource
import sys
from pathlib import Path

_CPU_STAT = (Path("/sys/fs/cgroup/cpu.stat"), Path("/sys/fs/cgroup/cpu/cpu.stat"))


def _throttled_ns() -> int:
    for path in _CPU_STAT:
        try:
            text = path.read_text()
        except OSError:
            continue
        for line in text.splitlines():
            name, _, value = line.partition(" ")
            if name == "throttled_usec":
                return int(value) * 1000
            if name == "throttled_time":
                return int(value)
    return 0


def read() -> dict[str, int]:
    """Totals since the process began; times in nanoseconds."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "minor_faults": usage.ru_minflt,
        "major_faults": usage.ru_majflt,
        "voluntary_switches": usage.ru_nvcsw,
        "involuntary_switches": usage.ru_nivcsw,
        "cpu_ns": round((usage.ru_utime + usage.ru_stime) * 1e9),
        "cpu_throttled_ns": _throttled_ns(),
    }


def difference(before: dict[str, int], after: dict[str, int]) -> dict[str, int]:
    """What a trial added."""
    return {name: after[name] - before[name] for name in before}


def peak_rss_bytes() -> int:
    """The most memory that this process has held."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
