"""What this machine lacks for a build: asked before anything is fetched or compiled."""

from __future__ import annotations

import os
import platform
import shlex
from collections.abc import Mapping

from harness.run.prepare.toolchains import cuda, rocm, vulkan
from harness.run.prepare.toolchains.cuda import CudaBuild, Missing
from harness.run.prepare.toolchains.host_compiler import find_host_compilers
from harness.run.prepare.toolchains.nvidia import Driver, read_driver
from harness.run.prepare.toolchains.search_path import SearchPath
from harness.run.prepare.toolchains.toolkit import find_toolkits
from runtimes.recipes import Build


def own_flags(environment: Mapping[str, str] = os.environ) -> list[str]:
    """The operator's own flags for CMake, as the build splits them."""
    try:
        return shlex.split(environment.get("CMAKE_ARGS", ""))
    except ValueError:
        return environment.get("CMAKE_ARGS", "").split()


def cuda_build(build: Build, driver: Driver | None = None) -> CudaBuild | Missing | None:
    """The CUDA that a build takes here; None where it needs none, or the operator's own flags name its compiler."""
    search = SearchPath(os.environ, own_flags())
    if build.toolchain != "cuda" or search.flag("CMAKE_CUDA_COMPILER"):
        return None
    named = tuple(filter(None, search.flag("CMAKE_CUDA_ARCHITECTURES").split(";")))
    found = read_driver() if driver is None else driver
    if found is None and not named:
        return cuda.decide(None, (), find_host_compilers(os.environ), platform.system(), platform.machine())
    return cuda.decide(
        found, find_toolkits(os.environ), find_host_compilers(os.environ), platform.system(), platform.machine(), named
    )


def answers(builds: Mapping[str, Build], driver: Driver | None = None) -> dict[str, CudaBuild | Missing]:
    """Backend → what its build lacks here, or the CUDA that it is made with; nothing for those that need and lack nothing."""
    found = {name: _answer(build, driver) for name, build in builds.items() if build.toolchain}
    return {name: one for name, one in found.items() if one is not None}


def missing(build: Build) -> Missing | None:
    """What a build lacks here; None where it lacks nothing that is known beforehand."""
    found = _answer(build, None) if build.toolchain else None
    return found if isinstance(found, Missing) else None


def _answer(build: Build, driver: Driver | None) -> CudaBuild | Missing | None:
    search = SearchPath(os.environ, own_flags())
    if build.toolchain == "vulkan":
        return vulkan.missing(search, build.vulkan_headers)
    if build.toolchain == "rocm":
        return rocm.missing(search)
    if build.toolchain == "metal":
        return _metal(platform.system())
    return cuda_build(build, driver)


def too_old_for(lock: str) -> Missing | None:
    """What keeps packages of a lock from the driver and GPUs that are here; None where nothing does, or none answers."""
    driver = read_driver()
    what = cuda.too_old(driver, cuda.series_of(lock)) if driver else ""
    return Missing(what, "update the driver, or measure on a newer GPU") if what else None


def _metal(system: str) -> Missing | None:
    if system == "Darwin":
        return None
    return Missing(f"Metal is for Macs, and this is {system or 'another system'}", "take another --backend")
