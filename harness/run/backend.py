"""Which backend suits this machine. The looking is in one small function; the choice is pure."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Toolbox:
    """What the machine has for building GPU code."""

    system: str
    machine: str
    nvidia_driver: bool
    programs: frozenset[str]


def look() -> Toolbox:
    """Look at this machine."""
    programs = ("nvcc", "hipcc", "glslc", "vulkaninfo")
    return Toolbox(
        system=platform.system(),
        machine=platform.machine(),
        nvidia_driver=Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None,
        programs=frozenset(name for name in programs if shutil.which(name)),
    )


def choose(toolbox: Toolbox, offered: Collection[str], *, builds: bool = True) -> tuple[str, str]:
    """The backend for `--backend auto` and the reason in words. What comes built needs the driver alone."""
    if not builds and toolbox.nvidia_driver and "cuda" in offered:
        return "cuda", "an NVIDIA driver is here"
    wishes = (
        ("metal", toolbox.system == "Darwin" and toolbox.machine == "arm64", "an Apple GPU"),
        ("cuda", toolbox.nvidia_driver and "nvcc" in toolbox.programs, "an NVIDIA driver and nvcc are here"),
        ("rocm", "hipcc" in toolbox.programs, "hipcc is here"),
        ("vulkan", {"glslc", "vulkaninfo"} <= toolbox.programs, "glslc and a Vulkan loader are here"),
    )
    for backend, here, reason in wishes:
        if here and backend in offered:
            return backend, reason
    if builds and toolbox.nvidia_driver and "cuda" in offered:
        return "cpu", "an NVIDIA driver is here but nvcc is not: install the CUDA toolkit for --backend cuda"
    return "cpu", "no GPU toolchain is here"
