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

WATCH_S = 1.0


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


def gather(cache: Path) -> Observed:
    """Look at the machine for a second."""
    before = read_load()
    time.sleep(WATCH_S)
    quiet = between(before, read_load())
    return Observed(
        environment=capture(),
        quiet=quiet,
        missing_tools=tuple(tool for tool in ("cc", "c++", "git", "make") if shutil.which(tool) is None),
        free_disk_bytes=_free_bytes(cache),
        python=(sys.version_info.major, sys.version_info.minor),
        cuda_toolkit=shutil.which("nvcc") is not None,
        device_others=_device_others(),
    )


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
        _clock(seen.environment),
        _tools(seen.missing_tools),
        _disk(seen.free_disk_bytes),
        _python(seen.python),
        _gpu(seen.environment, gpu),
        *([_toolkit(seen.cuda_toolkit)] if gpu else []),
        *([] if seen.device_others is None else [_device(seen.device_others)]),
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
    text = f"a virtual machine ({kind}); the host took {quiet.steal_ppm / 1e4:.1f} % of its time"
    if quiet.steal_ppm > 10_000:
        return Check("virtual machine", "warn", text, "take a dedicated machine, or expect wide intervals")
    return Check("virtual machine", "note", text, "neighbours can slow it down unseen: trust intervals, not points")


def _governor(environment: Environment) -> Check:
    governor = environment.cpu.governor
    if governor.value is None:
        return Check(
            "clock governor", "note", f"not shown ({governor.reason})", "the machine's host decides the clocks"
        )
    if governor.value not in ("performance", "schedutil"):
        return Check("clock governor", "warn", f"it is {governor.value}", "sudo cpupower frequency-set -g performance")
    return Check("clock governor", "ok", f"it is {governor.value}")


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


def _clock(environment: Environment) -> Check:
    source = environment.host.clock_source
    if source.value is None:
        return Check("clock source", "ok", f"not shown ({source.reason})")
    if source.value in ("tsc", "arch_sys_counter", "kvm-clock"):
        return Check("clock source", "ok", source.value)
    return Check(
        "clock source", "warn", f"{source.value}: slow to read", "see why the kernel left tsc (dmesg | grep -i tsc)"
    )


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
    return Check("CUDA toolkit", "bad", "nvcc is not here", "install it: without it llama.cpp is built for the CPU")


def _gpu(environment: Environment, needed: bool) -> Check:
    nvidia = environment.gpu.nvidia
    if nvidia.value:
        return Check("GPU", "ok", ", ".join(gpu.name.value or "unnamed" for gpu in nvidia.value))
    if needed:
        return Check("GPU", "bad", f"no NVIDIA GPU ({nvidia.reason or 'none listed'})", "check the driver (nvidia-smi)")
    return Check("GPU", "note", f"no NVIDIA GPU ({nvidia.reason or 'none listed'})", "measurements run on the CPU")


def _device(others: int) -> Check:
    if others:
        text = f"{others} other processes compute on the devices"
        return Check(
            "GPU in use", "bad", text, "end them (nvidia-smi lists them): two measurements at once measure each other"
        )
    return Check("GPU in use", "ok", "nobody else computes on the devices")
