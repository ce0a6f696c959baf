"""What would spoil a measurement on this machine, each with what to do. Pure, but for `gather`."""

from __future__ import annotations

import contextlib
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.capture.load import Between, between, read_load
from harness.capture.memory import usable_bytes
from harness.capture.meters import Nvidia
from harness.capture.snapshot import Environment, capture
from harness.capture.source import Tree, this_machine

CHECKS = (
    "other load", "virtual machine", "clock governor", "CPU quota", "memory", "swap", "power", "clock source", "build tools",
    "disk", "Python", "GPU", "CUDA toolkit", "GPU in use", "AMD GPU in use",
)  # fmt: skip
WATCH_S = 1.0
BUSY_PERCENT = 20  # a desktop that is drawn takes less
OWN_POWERSAVE = frozenset({"intel_pstate", "amd-pstate-epp", "amd_pstate_epp"})
BALANCED = 128  # `balance_performance` on the scale of the preference
SLOW_CLOCK_NS = 1_000  # a thousandth of a fast token; a call into the kernel costs less, a reading of HPET more
SLOW_CLOCKS = frozenset({"hpet", "acpi_pm", "jiffies", "refined-jiffies", "pit", "dummy"})


@dataclass(frozen=True, slots=True)
class Check:
    """`level`: ok, note (nothing to do), warn (numbers suffer), bad (do not measure here)."""

    name: str
    level: str
    what: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Observed:
    """What the checks look at."""

    environment: Environment
    quiet: Between  # a second in which we did nothing
    missing_tools: tuple[str, ...]
    free_disk_bytes: int
    python: tuple[int, int]
    cuda_toolkit: bool = False
    device_others: int | None = None  # other processes that compute on NVIDIA devices; None where that can't be seen
    device_busy_percent: int | None = None  # of the busiest AMD device; None where the kernel does not tell
    clock_cost_ns: int | None = None  # of one reading of the stamps' clock, measured here


def gather(cache: Path, watch_s: float = WATCH_S) -> Observed:
    """Look at the machine for a second, or for `watch_s`."""
    before = read_load()
    time.sleep(watch_s)
    quiet = between(before, read_load())
    return Observed(
        environment=capture(),
        quiet=quiet,
        missing_tools=tuple(tool for tool in ("cc", "c++", "git", "make") if shutil.which(tool) is None),
        free_disk_bytes=_free_bytes(cache),
        python=(sys.version_info.major, sys.version_info.minor),
        cuda_toolkit=shutil.which("nvcc") is not None,
        device_others=_device_others(),
        device_busy_percent=busy_percent(this_machine().tree),
        clock_cost_ns=clock_cost_ns(),
    )


def clock_cost_ns(rounds: int = 9, readings: int = 1000) -> int:
    """What one reading of the stamps' clock costs here at best, the interpreter's call included."""
    costs = []
    for _ in range(rounds):
        began = time.perf_counter_ns()
        for _ in range(readings):
            time.perf_counter_ns()
        costs.append((time.perf_counter_ns() - began) // readings)
    return min(costs)


def _free_bytes(cache: Path) -> int:
    """Of the disk that holds the cache, or would; 0 where no part of its path can be looked at."""
    for path in (cache, *cache.parents):
        with contextlib.suppress(OSError):
            return shutil.disk_usage(path).free
    return 0


def _device_others() -> int | None:
    meter = Nvidia.open(frozenset(), None)
    if meter is None:
        return None
    try:
        return meter.processes()
    finally:
        meter.close()


def busy_percent(tree: Tree) -> int | None:
    """How busy the busiest of AMD's devices is, as its driver tells; None where there is none."""
    told = [tree.line(name).value or "" for name in tree.names("sys/class/drm/card*/device/gpu_busy_percent")]
    return max((int(text) for text in told if text.isdecimal()), default=None)


def examine(seen: Observed, *, gpu: bool = False) -> list[Check]:
    """Every check, in order of how often it spoils numbers; with `gpu`, the lack of one is bad."""
    return [
        _others(seen.quiet),
        _steal(seen.quiet, seen.environment),
        _governor(seen.environment),
        _quota(seen.environment),
        _memory(seen.environment),
        _swap(seen.environment),
        _power(seen.environment),
        _clock(seen.environment, seen.clock_cost_ns),
        _tools(seen.missing_tools),
        _disk(seen.free_disk_bytes),
        _python(seen.python),
        _gpu(seen.environment, seen.device_busy_percent is not None, gpu),
        *([_toolkit(seen.cuda_toolkit)] if gpu else []),
        *([] if seen.device_others is None else [_device(seen.device_others)]),
        *([] if seen.device_busy_percent is None else [_busy(seen.device_busy_percent)]),
    ]


def worst(checks: Sequence[Check]) -> str:
    """The gravest level."""
    levels = ("ok", "note", "warn", "bad")
    return max((check.level for check in checks), key=levels.index, default="ok")


def _others(quiet: Between) -> Check:
    text = f"other programs use {quiet.others_ppm / 1e4:.0f} % of the cores"
    if quiet.others_ppm > 200_000:
        return Check("other load", "bad", text, "stop them; on two cores every one of them is in your numbers")
    if quiet.others_ppm > 50_000:
        return Check("other load", "warn", text, "close what you can: browser, indexers, builds")
    return Check("other load", "ok", text)


def _steal(quiet: Between, environment: Environment) -> Check:
    kind = environment.host.virtualisation.value or "unknown"
    if kind == "none":
        return Check("virtual machine", "ok", "not a virtual machine, as far as can be seen")
    if kind in ("wsl1", "wsl2"):
        fix = "close programs in Windows, too: they are not seen from here, nor is the host's load"
        return Check("virtual machine", "note", f"Windows runs this Linux ({kind})", fix)
    text = f"a virtual machine ({kind}); the host took {quiet.steal_ppm / 1e4:.1f} % of its time"
    if quiet.steal_ppm > 10_000:
        return Check("virtual machine", "warn", text, "take a dedicated machine, or expect wide intervals")
    return Check("virtual machine", "note", text, "neighbours can slow it down unseen: trust intervals, not points")


def _governor(environment: Environment) -> Check:
    governor, fix = environment.cpu.governor, "sudo cpupower frequency-set -g performance"
    if governor.value is None:
        return Check(
            "clock governor", "note", f"not shown ({governor.reason})", "the machine's host decides the clocks"
        )
    named, text = set(governor.value.split(", ")), f"it is {governor.value}"
    if named <= {"performance", "schedutil"}:
        return Check("clock governor", "ok", text)
    drivers = set((environment.cpu.frequency_driver.value or "").split(", "))
    if named <= {"performance", "schedutil", "powersave"} and drivers and drivers <= OWN_POWERSAVE:
        return _preference(
            f"{text} of {environment.cpu.frequency_driver.value}", environment.cpu.energy_preference.value
        )
    return Check("clock governor", "warn", text, fix)


def _preference(text: str, preference: str | None) -> Check:
    """These drivers' `powersave` is no lowest clock but the processor's own choice, which leans as it is told."""
    if preference is None:
        return Check(
            "clock governor", "note", f"{text}: clocks follow the load", "nothing, if the intervals are narrow"
        )
    worst_of_them = max((_leaning(one) for one in preference.split(", ")), default=0)
    text = f"{text}, which leans to {preference}"
    if worst_of_them == 0:
        return Check("clock governor", "ok", text)
    fix = "echo performance | sudo tee /sys/devices/system/cpu/cpu*/cpufreq/energy_performance_preference"
    return Check("clock governor", "note" if worst_of_them == 1 else "warn", text, fix)


def _leaning(preference: str) -> int:
    """0 to speed, 1 balanced as most systems come, 2 to saving. A number is the register's own scale, 0 to 255."""
    if preference.isdecimal():
        return 0 if int(preference) == 0 else 1 if int(preference) <= BALANCED else 2
    return {"performance": 0, "balance_performance": 1, "default": 1}.get(preference, 2)


def _quota(environment: Environment) -> Check:
    topology = environment.cpu.topology
    quota, cores = topology.quota_millicores.value, topology.allowed_physical_cores.value
    if quota is None:
        return Check("CPU quota", "ok", f"none; {cores or 'unknown'} physical cores may be used")
    if cores is not None and quota < cores * 1000:
        text = f"the control group allows {quota / 1000:g} of {cores} cores"
        return Check("CPU quota", "warn", text, f"raise it, or run with -o threads={max(1, quota // 1000)}")
    return Check("CPU quota", "ok", f"{quota / 1000:g} cores, as many as there are")


def _memory(environment: Environment) -> Check:
    free = usable_bytes(environment.memory)
    text = f"{free / 2**30:.1f} GiB may be used"
    if free < 1 << 30:
        return Check("memory", "bad", text, "close programs: even the default model needs half a GiB")
    return Check("memory", "ok", text)


def _swap(environment: Environment) -> Check:
    used = environment.memory.swap_used_bytes.value or 0
    if used > 64 << 20:
        return Check(
            "swap", "warn", f"{used >> 20} MiB are swapped out", "free memory, then: sudo swapoff -a && sudo swapon -a"
        )
    return Check("swap", "ok", "not in use")


def _power(environment: Environment) -> Check:
    battery = environment.host.on_battery
    if battery.value:
        return Check("power", "warn", "runs on its battery", "plug it in: clocks are lowered on battery")
    return Check("power", "ok", battery.reason if battery.value is None else "mains")


def _clock(environment: Environment, cost_ns: int | None) -> Check:
    """By what a reading costs here. A name is asked only where nothing was measured: there are more good ones than lists hold."""
    source = environment.host.clock_source
    fix = "see why the kernel left the fast one (dmesg | grep -i -e tsc -e clocksource)"
    name = source.value or f"not shown ({source.reason})"
    if cost_ns is None:
        slow = source.value in SLOW_CLOCKS
        return Check(
            "clock source", "warn" if slow else "ok", f"{name}: slow to read" if slow else name, fix if slow else ""
        )
    text = f"{name}, read in {cost_ns} ns"
    if cost_ns > SLOW_CLOCK_NS:
        return Check("clock source", "warn", f"{text}: slow", fix)
    return Check("clock source", "ok", text)


def _tools(missing: Sequence[str]) -> Check:
    if missing:
        text = f"missing: {', '.join(missing)}"
        return Check("build tools", "bad", text, "install a C++ compiler (Debian: apt-get install build-essential git)")
    return Check("build tools", "ok", "compiler, git and make are here")


def _disk(free: int) -> Check:
    text = f"{free / 2**30:.1f} GiB free for the cache"
    if free < 3 << 30:
        return Check("disk", "bad", text, "free some, or set XDG_CACHE_HOME to a larger disk")
    return Check("disk", "ok", text)


def _python(version: tuple[int, int]) -> Check:
    return Check("Python", "ok" if version >= (3, 11) else "bad", f"{version[0]}.{version[1]}", "use 3.11 or newer")


def _toolkit(there: bool) -> Check:
    if there:
        return Check("CUDA toolkit", "ok", "nvcc is here")
    return Check(
        "CUDA toolkit", "ok", "nvcc is not here: a build takes it from the package index (driver 580 or newer)"
    )


def _gpu(environment: Environment, amd: bool, needed: bool) -> Check:
    """`amd`: its driver tells of a device; what that is called, amdsmi knows, which may not be installed.

    What is a part of the processor, or may be one, is no answer where a GPU is needed: most machines whose card is gone have one.
    """
    gpus = environment.gpu
    cards = [*gpus.cards, *(["of AMD, as its driver tells"] if amd and not gpus.amd.value else [])]
    if cards:
        return Check("GPU", "ok", ", ".join(cards))
    text = f"no NVIDIA GPU ({gpus.nvidia.reason or 'none listed'})"
    text += f"; there is {', '.join(gpus.others)}" if gpus.others else ""
    if needed:
        return Check("GPU", "bad", text, "check the driver (nvidia-smi)")
    fix = "say what computes: --backend cpu, or vulkan" if gpus.others else "measurements run on the CPU"
    return Check("GPU", "note", text, fix)


def _busy(percent: int) -> Check:
    if percent > BUSY_PERCENT:
        return Check(
            "AMD GPU in use",
            "bad",
            f"it is {percent} % busy",
            "end what computes on it: the run would measure that, too",
        )
    return Check("AMD GPU in use", "ok", f"it is {percent} % busy")


def _device(others: int) -> Check:
    if others:
        text = f"{others} other {'process computes' if others == 1 else 'processes compute'} on the devices"
        return Check(
            "GPU in use", "bad", text, "end them (nvidia-smi lists them): two measurements at once measure each other"
        )
    return Check("GPU in use", "ok", "nobody else computes on the devices")
