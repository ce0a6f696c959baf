"""Which backend suits this machine, by its devices. The looking is in one small function; choice and refusal are pure."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from harness.capture.source import this_machine
from harness.device_kinds import GPUS, DeviceKind
from harness.errors import BadInput
from harness.run.prepare import gpus
from harness.run.prepare.toolchains import here
from harness.run.prepare.toolchains.cuda import CudaBuild, Missing, too_old
from harness.run.prepare.toolchains.nvidia import Driver, read_driver
from runtimes.interface import Scalar
from runtimes.recipes import Build

GPU_BACKENDS = ("cuda", "metal", "rocm", "vulkan")
_NEEDS = {"cuda": "an NVIDIA GPU", "rocm": "an AMD GPU", "vulkan": "a GPU", "metal": "an Apple GPU"}
_VENDOR = {"cuda": "nvidia", "rocm": "amd", "metal": "apple"}
_NAMES = {"nvidia": "NVIDIA", "amd": "AMD"}
_TO_THE_CPU = "take --backend cpu to measure the CPU on purpose"


@dataclass(frozen=True, slots=True)
class Toolbox:
    """What the machine has: drivers and GPUs by vendor, what Vulkan lists, the programs that build for them."""

    system: str
    machine: str
    nvidia_driver: bool  # NVIDIA's own, and it answers
    programs: frozenset[str]
    gpus: frozenset[str] = frozenset()
    vulkan_gpu: bool | None = None  # None: could not be asked
    kfd: bool = True  # AMD's compute driver
    hidden: str = ""  # the variable that keeps the GPUs from the engines
    nvidia: Driver | None = None  # what NVIDIA's says of itself and its GPUs
    lacks: Mapping[str, Missing] = field(default_factory=dict)  # backend → why no build can be made here
    cuda: str = ""  # what a build for CUDA is made with, and why

    @property
    def vendors(self) -> frozenset[str]:
        """Of the GPUs that are here."""
        apple = {"apple"} if (self.system, self.machine) == ("Darwin", "arm64") else set()
        return self.gpus | apple | ({"nvidia"} if self.nvidia_driver else set())

    @property
    def here(self) -> str:
        """The GPUs in words; empty where there is none."""
        named = [_NAMES.get(vendor, vendor.capitalize()) for vendor in sorted(self.vendors)]
        if not named:
            return "a GPU" if self.vulkan_gpu else ""
        return f"{'an' if named[0][0] in 'AIN' else 'a'} {' and '.join(named)} GPU"

    def obstacle(self, backend: str, *, builds: bool = True, series: int = 0) -> str | None:
        """What keeps a build for `backend` from its device: empty where nothing does, None where there is no device.

        `series`: the CUDA that the packages bring, 0 where they bring none.
        """
        lack = self.lacks.get(backend) if builds else None
        if backend == "vulkan":
            if not (self.vendors or self.vulkan_gpu):
                return None
            if self.vulkan_gpu is not True:
                found = "vulkaninfo (vulkan-tools)" if self.vulkan_gpu is None else "a Vulkan driver that lists it"
                return "; ".join([f"missing: {found}", *([lack.what] if lack else [])])
        elif _VENDOR[backend] not in self.vendors:
            return None
        elif self.hidden and backend in ("cuda", "rocm"):
            return f"{self.hidden} hides it"
        elif backend == "cuda" and not self.nvidia_driver:
            return "missing: NVIDIA's driver"
        elif backend == "rocm" and not self.kfd:
            return "missing: /dev/kfd (the amdgpu driver)"
        if lack:
            return lack.what
        return too_old(self.nvidia, series) if backend == "cuda" and self.nvidia else ""

    def reason(self, backend: str, *, builds: bool) -> str:
        """Why `backend` is taken, in words."""
        if backend == "cuda" and builds and self.cuda:
            return self.cuda
        if backend == "cuda" and self.nvidia and self.nvidia.gpus:
            return f"{' and '.join(dict.fromkeys(gpu.name for gpu in self.nvidia.gpus))}, {self.nvidia.said}"
        return f"{self.here} is here"


@dataclass(frozen=True, slots=True)
class Choice:
    """The backend, the reason in words, what only the terminal is told (a compiler's words may hold paths), and whether
    a GPU that is here will not be used. `backend` is empty where the operator gave an interpreter; `by_option`: its build
    computes where the option `device` says.
    """

    backend: str
    reason: str = ""
    detail: str = ""
    leaves_gpu: bool = False
    by_option: bool = False

    @property
    def line(self) -> str:
        """What the terminal says; empty where the operator chose."""
        said = f"{self.reason}; {self.detail}" if self.detail else self.reason
        return f"backend {self.backend}: {said}" if said else ""


def look(builds: Mapping[str, Build] = MappingProxyType({})) -> Toolbox:
    """Look at this machine, and at what it lacks for these builds; none where nothing is compiled."""
    source = this_machine()
    driver = read_driver()
    answers = here.answers(builds, driver)
    found = gpus.read_gpus(source, gpus.count_nvidia(), os.environ)
    programs = ("vulkaninfo", "nvidia-smi")
    return Toolbox(
        system=source.system,
        machine=source.machine,
        nvidia_driver=found.nvidia_driver,
        programs=frozenset(name for name in programs if shutil.which(name)),
        gpus=found.vendors,
        vulkan_gpu=gpus.ask_vulkan(),
        kfd=found.kfd,
        hidden=found.hidden,
        nvidia=driver,
        lacks={name: one for name, one in answers.items() if isinstance(one, Missing)},
        cuda=next((one.said for one in answers.values() if isinstance(one, CudaBuild)), ""),
    )


def choose(
    toolbox: Toolbox, offered: Collection[str], *, builds: bool = True, ready: Collection[str] = (), series: int = 0
) -> tuple[str, str]:
    """The backend for `--backend auto` and the reason in words: see `decide`."""
    found = decide(toolbox, offered, builds=builds, ready=ready, series=series)
    return found.backend, found.reason


def decide(
    toolbox: Toolbox,
    offered: Collection[str],
    *,
    builds: bool = True,
    ready: Collection[str] = (),
    failed: Mapping[str, str] = MappingProxyType({}),
    series: int = 0,
) -> Choice:
    """What `--backend auto` becomes. A GPU is taken where a device is here and its build can be made, or is `ready`;
    a GPU that stays unused is named in the reason, with what is missing. `failed`: builds that failed before, in words;
    `series`: the CUDA that the packages bring.
    """
    obstacles: list[str] = []
    details: list[str] = []
    for backend in ("metal", "cuda", "rocm", "vulkan"):
        made = builds and backend not in ready
        obstacle = toolbox.obstacle(backend, builds=made, series=series) if backend in offered else None
        if obstacle == "" and backend not in failed:
            return Choice(backend, "; ".join([toolbox.reason(backend, builds=builds), *obstacles]))
        if obstacle:
            obstacles.append(f"no build for {backend} ({obstacle})")
        elif obstacle == "":
            obstacles.append(f"the build for {backend} failed before")
            details.append(failed[backend])
    if obstacles:
        details.append("--backend cpu says that this is meant")
        reason = f"{toolbox.here} is here and is NOT used: {', '.join(obstacles)}"
        return Choice("cpu", reason, "; ".join(details), leaves_gpu=True)
    if toolbox.here:
        offers = ", ".join(sorted(set(offered) & set(GPU_BACKENDS))) or "none"
        text = f"{toolbox.here} is here and is NOT used: there is no build for it (for GPUs there are: {offers})"
        return Choice("cpu", text, "--backend cpu says that this is meant", leaves_gpu=True)
    if "nvidia-smi" in toolbox.programs and "cuda" in offered:
        return Choice("cpu", "no GPU is here: nvidia-smi is installed, but no NVIDIA driver answers")
    return Choice("cpu", "no GPU is here")


def refuse_without_device(toolbox: Toolbox, backend: str, *, builds: bool, series: int = 0) -> None:
    """Raises `BadInput` where a build for a GPU was asked for and none could compute on it, or it can't be built."""
    if backend not in GPU_BACKENDS:
        return
    obstacle = toolbox.obstacle(backend, builds=builds, series=series)
    lack = toolbox.lacks.get(backend) if builds else None
    if backend == "vulkan" and obstacle and toolbox.vulkan_gpu is None:
        obstacle = lack.what if lack else ""  # vulkaninfo is wanted for the choice only
    if obstacle is None:
        raise BadInput(
            f"needs {_NEEDS[backend]}, and this machine shows none",
            where=f"--backend {backend}",
            fix=f"check the driver (repro doctor), or {_TO_THE_CPU}",
        )
    if obstacle:
        mend = lack.fix if lack and lack.what in obstacle else "install or mend that"
        raise BadInput(
            f"{toolbox.here} is here, but no build for it can be used: {obstacle}",
            where=f"--backend {backend}",
            fix=f"{mend}, or {_TO_THE_CPU}",
        )


def wants_gpu(backend: str, given: Mapping[str, Scalar]) -> str:
    """The option by which the operator asked for a GPU, as typed; empty where none does."""
    device = str(given.get("device") or "")
    if device.startswith(("cuda", "hip", "xpu", "mps")):
        return f"-o device={device}"
    # Devices by name are asked for one by one, and the engine refuses those that it does not list: one may be a software device.
    if given.get("gpu_layers") and not given.get("devices"):
        return f"-o gpu_layers={given['gpu_layers']}"
    return f"--backend {backend}" if backend in GPU_BACKENDS else ""


def refuse_contradiction(backend: str, given: Mapping[str, Scalar]) -> None:
    """Raises `BadInput` where the settings ask for a GPU and the build computes on the CPU, or the other way round."""
    asked = wants_gpu("", given)
    if backend == "cpu" and asked:
        raise BadInput(
            "asks for a GPU, and the build is for the CPU", where=asked, fix="leave it out, or take a GPU's --backend"
        )
    if backend in GPU_BACKENDS and given.get("device") == "cpu":
        raise BadInput(
            f"asks for the CPU, and the build is for {backend}", where="-o device=cpu", fix="take --backend cpu"
        )


def refuse_other_devices(backend: str, asked: str, kinds: Collection[DeviceKind]) -> None:
    """After loading: raises `BadInput` where the engine computes on something else than was asked for. `kinds` are those
    of the devices that it names; `backend` is empty where the operator gave an interpreter.
    """
    on_gpu = bool(GPUS & set(kinds))
    if asked and not on_gpu:
        raise BadInput(
            "the engine sees no GPU: it would compute on the CPU",
            where=asked,
            fix=f"check the driver and that the build is for a GPU, or {_TO_THE_CPU}",
            code="no GPU",
        )
    if backend == "cpu" and on_gpu:
        raise BadInput(
            "the engine computes on a GPU", where="--backend cpu", fix="take the GPU's --backend, or hide it",
            code="not the CPU",
        )  # fmt: skip
