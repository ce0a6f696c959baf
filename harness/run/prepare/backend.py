"""Which backend suits this machine, by its devices. The looking is in one small function; choice and refusal are pure."""

from __future__ import annotations

import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from harness.capture.source import this_machine
from harness.device_kinds import GPUS, DeviceKind
from harness.errors import BadInput
from harness.run.prepare import gpus
from runtimes.interface import Scalar

GPU_BACKENDS = ("cuda", "metal", "rocm", "vulkan")
_TOOL = {"cuda": "nvcc", "rocm": "hipcc", "vulkan": "glslc"}  # without which nothing is built for it
_PACKAGE = {"cuda": "the CUDA toolkit", "rocm": "ROCm's HIP SDK", "vulkan": "glslc and Vulkan's headers"}
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

    def obstacle(self, backend: str, *, builds: bool = True) -> str | None:
        """What keeps a build for `backend` from its device: empty where nothing does, None where there is no device."""
        if backend == "vulkan":
            if not (self.vendors or self.vulkan_gpu):
                return None
            if self.vulkan_gpu is not True:
                found = "vulkaninfo (vulkan-tools)" if self.vulkan_gpu is None else "a Vulkan driver that lists it"
                return " and ".join([found, *self.tool(backend, builds)])
        elif _VENDOR[backend] not in self.vendors:
            return None
        elif self.hidden and backend in ("cuda", "rocm"):
            return f"its visibility ({self.hidden} hides it)"
        elif backend == "cuda" and not self.nvidia_driver:
            return "NVIDIA's driver"
        elif backend == "rocm" and not self.kfd:
            return "/dev/kfd (the amdgpu driver)"
        return " and ".join(self.tool(backend, builds))

    def tool(self, backend: str, builds: bool) -> list[str]:
        """The compiler that a build for `backend` lacks here."""
        tool = _TOOL.get(backend)
        return [f"{tool} ({_PACKAGE[backend]})"] if builds and tool and tool not in self.programs else []


@dataclass(frozen=True, slots=True)
class Choice:
    """The backend, the reason in words, what only the terminal is told (a compiler's words may hold paths), and whether
    a GPU that is here will not be used. `backend` is empty where the operator gave an interpreter.
    """

    backend: str
    reason: str = ""
    detail: str = ""
    leaves_gpu: bool = False

    @property
    def line(self) -> str:
        """What the terminal says; empty where the operator chose."""
        said = f"{self.reason}; {self.detail}" if self.detail else self.reason
        return f"backend {self.backend}: {said}" if said else ""


def look() -> Toolbox:
    """Look at this machine."""
    source = this_machine()
    found = gpus.read_gpus(source, gpus.count_nvidia(), os.environ)
    programs = ("nvcc", "hipcc", "glslc", "vulkaninfo", "nvidia-smi")
    return Toolbox(
        system=source.system,
        machine=source.machine,
        nvidia_driver=found.nvidia_driver,
        programs=frozenset(name for name in programs if shutil.which(name)),
        gpus=found.vendors,
        vulkan_gpu=gpus.ask_vulkan(),
        kfd=found.kfd,
        hidden=found.hidden,
    )


def choose(
    toolbox: Toolbox, offered: Collection[str], *, builds: bool = True, ready: Collection[str] = ()
) -> tuple[str, str]:
    """The backend for `--backend auto` and the reason in words: see `decide`."""
    found = decide(toolbox, offered, builds=builds, ready=ready)
    return found.backend, found.reason


def decide(
    toolbox: Toolbox,
    offered: Collection[str],
    *,
    builds: bool = True,
    ready: Collection[str] = (),
    failed: Mapping[str, str] = MappingProxyType({}),
) -> Choice:
    """What `--backend auto` becomes. A GPU is taken where a device is here and its build can be made, or is `ready`;
    a GPU that stays unused is named in the reason, with what is missing. `failed`: builds that failed before, in words.
    """
    obstacles: list[str] = []
    details: list[str] = []
    for backend in ("metal", "cuda", "rocm", "vulkan"):
        obstacle = toolbox.obstacle(backend, builds=builds and backend not in ready) if backend in offered else None
        if obstacle == "" and backend not in failed:
            return Choice(backend, f"{toolbox.here} is here")
        if obstacle:
            obstacles.append(f"missing for --backend {backend} is {obstacle}")
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
        nvcc = ", and nvcc is missing" if builds and "nvcc" not in toolbox.programs else ""
        return Choice("cpu", f"no GPU is here: nvidia-smi is installed, but no NVIDIA driver answers{nvcc}")
    return Choice("cpu", "no GPU is here")


def refuse_without_device(toolbox: Toolbox, backend: str, *, builds: bool) -> None:
    """Raises `BadInput` where a build for a GPU was asked for and none could compute on it, or it can't be built."""
    if backend not in GPU_BACKENDS:
        return
    obstacle = toolbox.obstacle(backend, builds=builds)
    if backend == "vulkan" and obstacle and toolbox.vulkan_gpu is None:
        obstacle = " and ".join(toolbox.tool(backend, builds))  # vulkaninfo is wanted for the choice only
    if obstacle is None:
        raise BadInput(
            f"needs {_NEEDS[backend]}, and this machine shows none",
            where=f"--backend {backend}",
            fix=f"check the driver (repro doctor), or {_TO_THE_CPU}",
        )
    if obstacle:
        raise BadInput(
            f"{toolbox.here} is here, but this is missing: {obstacle}",
            where=f"--backend {backend}",
            fix=f"install or mend that, or {_TO_THE_CPU}",
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
