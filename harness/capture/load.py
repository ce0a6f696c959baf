"""How busy the machine is, read before and after a run, and what lies between the readings."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass, field

import psutil

from harness.capture.facts import UNLISTED, Fact, known, scaled, unknown, whole
from harness.capture.source import Source, this_machine

# Guests' time is in that of their hosts already; stolen time was nobody's here.
_NOT_BUSY = ("guest", "guest_nice", "steal")


@dataclass(frozen=True, slots=True)
class Load:
    """One reading; loads in thousandths, pressure in µs stalled since boot, swapped-in pages since boot."""

    load1_milli: Fact[int]
    cpu_pressure_us: Fact[int]
    memory_pressure_us: Fact[int]
    io_pressure_us: Fact[int]
    swapped_in_pages: Fact[int]
    steal_ticks: Fact[int]
    thermal_throttles: Fact[int]
    # Totals since boot: beyond RFC 8785's integers after 104 core-days, and of no use but for a difference.
    busy_ns: int = field(metadata=UNLISTED)  # CPU time spent by everything, all cores
    idle_ns: int = field(metadata=UNLISTED)
    own_ns: int = field(metadata=UNLISTED)  # CPU time of this program and of the children that it has waited for


def pressure_us(text: str) -> int | None:
    """The `total` of the `some` line of a PSI file."""
    for line in text.splitlines():
        if line.startswith("some "):
            return next((whole(w[6:]) for w in line.split() if w.startswith("total=")), None)
    return None


def counter(text: str, name: str) -> int | None:
    """The number after `name` at the start of a line (/proc/vmstat, /proc/stat)."""
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == name:
            return whole(words[1])
    return None


def read_load(source: Source | None = None) -> Load:
    """The machine's load now; about a millisecond."""
    source = source or this_machine()
    tree = source.tree
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    steal = tree.text("proc/stat").then(
        lambda t: (lambda w: whole(w[8]) if len(w) > 8 else None)(t.partition("\n")[0].split()),
        "/proc/stat counts no steal",
    )
    average = tree.line("proc/loadavg").then(lambda t: scaled(t.split()[0], 3) if t.split() else None, "no average")
    if not average.known and hasattr(os, "getloadavg"):
        average = known(round(os.getloadavg()[0] * 1000))
    return Load(
        load1_milli=average,
        cpu_pressure_us=tree.text("proc/pressure/cpu").then(pressure_us, "no total"),
        memory_pressure_us=tree.text("proc/pressure/memory").then(pressure_us, "no total"),
        io_pressure_us=tree.text("proc/pressure/io").then(pressure_us, "no total"),
        swapped_in_pages=tree.text("proc/vmstat").then(lambda t: counter(t, "pswpin"), "no pswpin"),
        steal_ticks=steal if source.linux else unknown("a counter of Linux"),
        thermal_throttles=_thermal_throttles(source),
        busy_ns=round((sum(times) - idle - sum(getattr(times, name, 0.0) for name in _NOT_BUSY)) * 1e9),
        idle_ns=round(idle * 1e9),
        own_ns=_own_ns(),
    )


def _thermal_throttles(source: Source) -> Fact[int]:
    """How often cores slowed down for their heat since boot, as Intel's processors count it."""
    names = source.tree.names("sys/devices/system/cpu/cpu[0-9]*/thermal_throttle/core_throttle_count")
    counts = [count for name in names if (count := whole(source.tree.line(name).value or "")) is not None]
    return known(sum(counts)) if counts else unknown("no core counts its thermal throttling")


def _own_ns() -> int:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return round(sum(usage.ru_utime + usage.ru_stime for usage in usages) * 1e9)


@dataclass(frozen=True, slots=True)
class Between:
    """What happened from one reading to the next. `others_ppm`: share of all cores' time that others used."""

    others_ppm: int
    swapped_in_pages: int
    steal_ppm: int
    thermal_throttles: int


def between(before: Load, after: Load) -> Between:
    """What the two readings, made by one program, have between them."""
    busy, idle = after.busy_ns - before.busy_ns, after.idle_ns - before.idle_ns
    steal_ns = _grown(before.steal_ticks, after.steal_ticks) * 10_000_000  # a tick is 1/100 s
    total = max(busy + idle + steal_ns, 1)
    return Between(
        others_ppm=max(0, busy - (after.own_ns - before.own_ns)) * 1_000_000 // total,
        swapped_in_pages=_grown(before.swapped_in_pages, after.swapped_in_pages),
        steal_ppm=steal_ns * 1_000_000 // total,
        thermal_throttles=_grown(before.thermal_throttles, after.thermal_throttles),
    )


def _grown(before: Fact[int], after: Fact[int]) -> int:
    if before.value is None or after.value is None:
        return 0
    return max(0, after.value - before.value)
