"""Which CUDA a build takes: an installed toolkit that suits driver, GPUs and compiler, else the package index's. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from harness.run.prepare.toolchains.host_compiler import HostCompilers
from harness.run.prepare.toolchains.nvidia import Driver, Gpu, dotted
from harness.run.prepare.toolchains.toolkit import FROM_INDEX, Toolkit

# The oldest driver that runs what a toolkit of the series compiled, whatever its minor version, as long as it holds code
# for the GPU itself: NVIDIA's CUDA compatibility guide, "Minor Version Compatibility", table 1.
_DRIVER_OF = {11: "450", 12: "525", 13: "580"}
_OLDEST_OF_13 = (7, 5)  # CUDA 13 dropped Maxwell, Pascal and Volta
_BROUGHT = re.compile(r"^(?:nvidia-cuda-runtime|nvidia-cuda-runtime-cu\d+|cuda-toolkit)==(\d+)\.", re.MULTILINE)
# What the package index holds compilers for (nvidia-cuda-nvcc of 13.5.37).
INDEX_MACHINES = ("x86_64", "aarch64")


@dataclass(frozen=True, slots=True)
class Missing:
    """Why there can be no build, and how to mend it."""

    what: str
    fix: str


@dataclass(frozen=True, slots=True)
class CudaBuild:
    """A build that can be made: the toolkit, the GPUs' codes, the host's compiler ("" for the usual one), and the reason."""

    toolkit: Toolkit
    architectures: tuple[str, ...]
    host_compiler: str
    said: str

    @property
    def from_index(self) -> bool:
        """Whether its toolkit comes from the package index."""
        return not self.toolkit.root


def decide(
    driver: Driver | None,
    installed: Sequence[Toolkit],
    compilers: HostCompilers,
    system: str,
    machine: str,
    architectures: tuple[str, ...] = (),
) -> CudaBuild | Missing:
    """The build for this driver and its GPUs, or for the `architectures` that the operator names."""
    if driver is None and not architectures:
        return Missing(
            "no NVIDIA driver answers, so the GPU to compile for is not known",
            "mend the driver (repro doctor), or name it: CMAKE_ARGS=-DCMAKE_CUDA_ARCHITECTURES=89-real",
        )
    if driver is not None and not driver.gpus and not architectures:
        return Missing(
            f"{driver.said} and tells no GPU's compute capability",
            "update the driver, or name it: CMAKE_ARGS=-DCMAKE_CUDA_ARCHITECTURES=89-real",
        )
    if driver is not None and driver.cuda is None:
        return Missing(f"{driver.said} does not say which CUDA it supports", "update the driver to 525 or newer")
    refused: list[tuple[Toolkit, str]] = []
    for whole in (True, False):  # one that reaches all GPUs before one that leaves some out
        refused.clear()
        for toolkit in (*installed, FROM_INDEX):
            fault = _fault(toolkit, driver, compilers, system, machine, named=bool(architectures), whole=whole)
            if not fault:
                return _build(toolkit, driver, compilers, refused, architectures)
            refused.append((toolkit, fault))
    what = "; ".join(f"{toolkit.said} {fault}" for toolkit, fault in refused)
    return Missing(f"{driver.said}; {what}" if driver else what, _fix(driver, compilers))


def _fault(
    toolkit: Toolkit,
    driver: Driver | None,
    compilers: HostCompilers,
    system: str,
    machine: str,
    *,
    named: bool,
    whole: bool,
) -> str:
    """What keeps a toolkit from being used, as words that follow its name; empty where nothing does."""
    if toolkit.lacks:
        return f"lacks {toolkit.lacks}"
    if not toolkit.root and (system != "Linux" or machine not in INDEX_MACHINES):
        return f"is for Linux on {' or '.join(INDEX_MACHINES)}"
    if driver is not None and driver.cuda and toolkit.version[0] > driver.cuda[0]:
        return f"needs {_driver_for(toolkit.version[0])}"
    out_of_reach = [] if driver is None or named else [gpu for gpu in driver.gpus if gpu.code not in toolkit.codes]
    if driver is not None and out_of_reach and (whole or len(out_of_reach) == len(driver.gpus)):
        gpu = out_of_reach[0]
        return f"has no code for {gpu.name} (compute capability {dotted(gpu.capability)})"
    if compilers.suits(toolkit.gcc) is None:
        found = f"g++ {toolkit.gcc} or older, and this machine has g++ {compilers.gcc}"
        return f"needs {found if compilers.gcc is not None else 'g++, which is not installed'}"
    return ""


def _driver_for(series: int) -> str:
    return f"driver {_DRIVER_OF[series]} or newer" if series in _DRIVER_OF else f"a driver for CUDA {series}"


def _of_reach(toolkit: Toolkit, driver: Driver) -> list[Gpu]:
    return [gpu for gpu in driver.gpus if gpu.code in toolkit.codes]


def _build(
    toolkit: Toolkit,
    driver: Driver | None,
    compilers: HostCompilers,
    refused: Sequence[tuple[Toolkit, str]],
    named: tuple[str, ...],
) -> CudaBuild:
    said = [f"{one.said} {fault} and is not used" for one, fault in refused]
    if driver is None:
        return CudaBuild(toolkit, named, compilers.suits(toolkit.gcc) or "", "; ".join([toolkit.said, *said]))
    reached = _of_reach(toolkit, driver)
    # Code for the GPU itself and no PTX: an older driver of the series could not compile a newer toolkit's PTX.
    codes = named or tuple(sorted({f"{gpu.code}-real" for gpu in reached}, key=lambda code: int(code[:-5])))
    names = " and ".join(dict.fromkeys(gpu.name for gpu in (driver.gpus if named else reached)))
    left = dict.fromkeys(f"{g.name} ({dotted(g.capability)})" for g in driver.gpus if g not in reached)
    if left and not named:
        said.append(f"it has no code for {' and '.join(left)}: hide that with CUDA_VISIBLE_DEVICES")
    said = [", ".join(filter(None, [names, driver.said])), toolkit.said, *said]
    return CudaBuild(toolkit, codes, compilers.suits(toolkit.gcc) or "", "; ".join(said))


def _fix(driver: Driver | None, compilers: HostCompilers) -> str:
    """What to do where even the package index's toolkit can't be used."""
    most, newest = FROM_INDEX.version[0], FROM_INDEX.gcc
    older = f"install the CUDA {most - 1} toolkit"
    if driver is not None and driver.gpus and all(gpu.capability < _OLDEST_OF_13 for gpu in driver.gpus):
        return f"{older}, the last series for this GPU, and run the same command"
    if driver is not None and driver.cuda is not None and driver.cuda[0] < most:
        own = f"install a CUDA {driver.cuda[0]} toolkit with cuBLAS"
        return f"update the driver to {_DRIVER_OF[most]} or newer, or {own}, and run the same command"
    if compilers.suits(newest) is None:
        name = "g++" if compilers.gcc is None else f"g++-{newest}"
        return f"install it (Debian: apt-get install {name}) and run the same command"
    return "install a CUDA toolkit that suits them, and run the same command"


def series_of(lock: str) -> int:
    """The CUDA whose libraries a lock brings (13 of `nvidia-cuda-runtime==13.0.96`); 0 where it brings none."""
    found = [int(number) for number in _BROUGHT.findall(lock)]
    return min(found, default=0)


def too_old(driver: Driver, series: int) -> str:
    """What keeps packages that bring CUDA `series` from this driver and its GPUs; empty where nothing does."""
    if driver.cuda is not None and series > driver.cuda[0]:
        return f"{driver.said}, and the packages need {_driver_for(series)} (CUDA {series})"
    if series >= FROM_INDEX.version[0] and driver.gpus and all(gpu.capability < _OLDEST_OF_13 for gpu in driver.gpus):
        gpu = driver.gpus[0]
        return f"CUDA {series} has no code for {gpu.name} (compute capability {dotted(gpu.capability)})"
    return ""
