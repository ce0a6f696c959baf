"""How busy the machine is, read before and after a run, and what lies between the readings."""

from __future__ import annotations

import os
import resource
import time
from dataclasses import dataclass, field

import psutil

from harness.capture import cgroup
from harness.capture.facts import UNLISTED, Fact, known, scaled, unknown, whole
from harness.capture.source import Source, this_machine
from harness.capture.topology import allowed_cpus

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
    # The times are those of the cores that this process may use, where the system counts each; else of all.
    busy_ns: int = field(metadata=UNLISTED)  # CPU time spent by everything
    idle_ns: int = field(metadata=UNLISTED)
    own_ns: int = field(metadata=UNLISTED)  # CPU time of this program and of the children that it has waited for
    steal_ns: int | None = field(default=None, metadata=UNLISTED)  # of these cores; None: see `steal_ticks`
    group_millicores: int | None = field(default=None, metadata=UNLISTED)  # a quota that we share with others
    group_ns: int = field(default=0, metadata=UNLISTED)  # CPU time spent under this quota, by us and others
    at_ns: int = field(default=0, metadata=UNLISTED)


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
    cores = _core_times(tree.text("proc/stat").value or "", allowed_cpus(source)) if source.linux else None
    busy, idle, core_steal = _whole_machine() if cores is None else cores
    account = cgroup.cpu_account(tree) if source.linux else None
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
        busy_ns=busy,
        idle_ns=idle,
        own_ns=_own_ns(),
        steal_ns=core_steal,
        group_millicores=None if account is None else account[0],
        group_ns=0 if account is None else account[1],
        at_ns=time.monotonic_ns(),
    )


def _whole_machine() -> tuple[int, int, None]:
    """Busy and idle time of all cores."""
    times = psutil.cpu_times()
    idle = times.idle + getattr(times, "iowait", 0.0)
    busy = sum(times) - idle - sum(getattr(times, name, 0.0) for name in _NOT_BUSY)
    return round(busy * 1e9), round(idle * 1e9), None


def _core_times(stat: str, cpus: frozenset[int]) -> tuple[int, int, int] | None:
    """Busy, idle and stolen nanoseconds of these CPUs, from /proc/stat; None where it does not list every one of them.

    user nice system idle iowait irq softirq steal guest guest_nice: what guests used is in user and nice already.
    """
    found: dict[int, list[int]] = {}
    for line in stat.splitlines():
        name, *words = line.split() or [""]
        number = whole(name[3:]) if name.startswith("cpu") else None
        if number in cpus:
            found[number] = [whole(word) or 0 for word in words[:8]] + [0] * (8 - len(words))
    if not cpus or found.keys() != cpus:
        return None
    user, nice, system, idle, wait, irq, soft, steal = (sum(column) for column in zip(*found.values(), strict=True))
    tick_ns = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
    return (user + nice + system + irq + soft) * tick_ns, (idle + wait) * tick_ns, steal * tick_ns


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
    """What happened from one reading to the next. `others_ppm`: share of our cores' time, or of our quota's, that others used."""

    others_ppm: int
    swapped_in_pages: int
    steal_ppm: int
    thermal_throttles: int


def between(before: Load, after: Load) -> Between:
    """What the two readings, made by one program, have between them."""
    busy, idle = after.busy_ns - before.busy_ns, after.idle_ns - before.idle_ns
    own = after.own_ns - before.own_ns
    if before.steal_ns is None or after.steal_ns is None:
        steal_ns = _grown(before.steal_ticks, after.steal_ticks) * 10_000_000  # a tick is 1/100 s
    else:
        steal_ns = max(0, after.steal_ns - before.steal_ns)
    total = max(busy + idle + steal_ns, 1)
    others_ppm = max(0, busy - own) * 1_000_000 // total
    if after.group_millicores is not None and after.group_millicores == before.group_millicores:
        paid_ns = max((after.at_ns - before.at_ns) * after.group_millicores // 1000, 1)
        beside_ns = after.group_ns - before.group_ns - own
        others_ppm = max(others_ppm, max(0, beside_ns) * 1_000_000 // paid_ns)
    return Between(
        others_ppm=others_ppm,
        swapped_in_pages=_grown(before.swapped_in_pages, after.swapped_in_pages),
        steal_ppm=steal_ns * 1_000_000 // total,
        thermal_throttles=_grown(before.thermal_throttles, after.thermal_throttles),
    )


def _grown(before: Fact[int], after: Fact[int]) -> int:
    if before.value is None or after.value is None:
        return 0
    return max(0, after.value - before.value)
