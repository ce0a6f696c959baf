"""NVIDIA's driver: its version, the newest CUDA that it supports, and what the GPUs can run. Nothing here raises."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU and its compute capability."""

    name: str
    capability: Version

    @property
    def code(self) -> str:
        """As nvcc names it: `89` of 8.9."""
        return f"{self.capability[0]}{self.capability[1]}"


@dataclass(frozen=True, slots=True)
class Driver:
    """The driver as it answers; `cuda` is None where it does not say, `gpus` are those whose capability is known."""

    version: str
    cuda: Version | None
    gpus: tuple[Gpu, ...]

    @property
    def said(self) -> str:
        """In words: `driver 570.86 supports CUDA 12.8`."""
        return f"driver {self.version} supports CUDA {dotted(self.cuda)}" if self.cuda else f"driver {self.version}"


def dotted(version: Version) -> str:
    """`12.8` of (12, 8)."""
    return f"{version[0]}.{version[1]}"


def read_driver() -> Driver | None:
    """Ask NVIDIA's management library; None where no driver answers."""
    try:
        import pynvml
    except ImportError:
        return None
    try:
        pynvml.nvmlInit()
    except (pynvml.NVMLError, OSError):
        return None
    try:
        # 13000 is CUDA 13.0 (nvml.h: NVML_CUDA_DRIVER_VERSION_MAJOR and _MINOR).
        cuda = _ask(pynvml, pynvml.nvmlSystemGetCudaDriverVersion)
        version = _ask(pynvml, pynvml.nvmlSystemGetDriverVersion)
        count = _ask(pynvml, pynvml.nvmlDeviceGetCount) or 0
        found = [_gpu(pynvml, index) for index in range(count)]
        return Driver(
            version=_text(version) if version else "of an unknown version",
            cuda=(int(cuda) // 1000, int(cuda) % 1000 // 10) if cuda else None,
            gpus=tuple(gpu for gpu in found if gpu is not None),
        )
    finally:
        pynvml.nvmlShutdown()


def _gpu(nvml: Any, index: int) -> Gpu | None:
    handle = _ask(nvml, lambda: nvml.nvmlDeviceGetHandleByIndex(index))
    capability = handle and _ask(nvml, lambda: nvml.nvmlDeviceGetCudaComputeCapability(handle))
    if not capability:
        return None
    name = _ask(nvml, lambda: nvml.nvmlDeviceGetName(handle))
    return Gpu(_text(name) if name else f"GPU {index}", (int(capability[0]), int(capability[1])))


def _ask(nvml: Any, call: Callable[[], Any]) -> Any:
    try:
        return call()
    except (nvml.NVMLError, AttributeError):
        return None


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
