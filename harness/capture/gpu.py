"""The GPUs of this machine. A part that can't be read is unknown with its reason; nothing here raises."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from harness.capture import nvidia, visible_devices
from harness.capture.facts import UNLISTED, Fact, known, unknown
from harness.capture.intel import IntelGpu, read_intel
from harness.capture.source import Source
from harness.capture.visible_devices import Visible

NOT_READ: Fact[Any] = unknown("not read")


@dataclass(frozen=True, slots=True)
class Gpu:
    """One device; clocks in Hz, power in mW, temperature in milli-degrees Celsius. Ids and places stay out of JSON.

    Read before the run: `busy_percent`, `memory_used_bytes` and `processes` are others' work. `visible`: whether an engine may
    see the card, or a slice of it. `slices`: how many MIG slices it is cut into.
    """

    name: Fact[str]
    memory_bytes: Fact[int]
    driver: Fact[str]
    sm_clock_hz: Fact[int]
    memory_clock_hz: Fact[int]
    power_limit_mw: Fact[int]
    temperature_millicelsius: Fact[int]
    throttle_reasons: Fact[int]
    ecc: Fact[bool]
    mig: Fact[bool]
    compute_mode: Fact[int]
    pcie_generation: Fact[int]
    pcie_width: Fact[int]
    memory_used_bytes: Fact[int] = NOT_READ
    busy_percent: Fact[int] = NOT_READ
    processes: Fact[int] = NOT_READ
    slices: Fact[int] = NOT_READ
    visible: Fact[bool] = NOT_READ
    ids: frozenset[str] = field(default=frozenset(), metadata=UNLISTED)  # UUIDs of card and slices, and the PCI place


@dataclass(frozen=True, slots=True)
class Gpus:
    """What each vendor's library, or its kernel driver, lists."""

    nvidia: Fact[tuple[Gpu, ...]]
    amd: Fact[tuple[str, ...]]
    apple: Fact[str]
    intel: Fact[tuple[IntelGpu, ...]] = NOT_READ

    @property
    def cards(self) -> tuple[str, ...]:
        """The names of all that are known not to be a part of a processor."""
        return (*(one.name.value or "unnamed" for one in self.nvidia.value or ()), *self._of_others)

    @property
    def shown(self) -> tuple[str, ...]:
        """The same without those of NVIDIA's that the environment hides."""
        nvidia = (one for one in self.nvidia.value or () if one.visible.value is not False)
        return (*(one.name.value or "unnamed" for one in nvidia), *self._of_others)

    @property
    def _of_others(self) -> tuple[str, ...]:
        intel = tuple(one.called for one in self.intel.value or () if one.integrated.value is False)
        return (*(self.amd.value or ()), *intel)

    @property
    def others(self) -> tuple[str, ...]:
        """Intel's that are a part of the processor, or may be one."""
        listed = self.intel.value or ()
        return tuple(
            f"{one.called} (integrated)" if one.integrated.value else one.called
            for one in listed
            if one.integrated.value is not False
        )


def read_gpus(source: Source) -> Gpus:
    """All of them."""
    return Gpus(nvidia=_nvidia(), amd=_amd(source), apple=_apple(source), intel=read_intel(source))


def _nvidia() -> Fact[tuple[Gpu, ...]]:
    try:
        import pynvml
    except ImportError:
        return unknown("nvidia-ml-py is not installed")
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError as error:
        return unknown(f"the NVIDIA management library says: {error}")
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        seen = visible_devices.cuda(os.environ, nvidia.cards(pynvml))
        return known(tuple(_gpu(pynvml, handle, seen) for handle in handles))
    except pynvml.NVMLError as error:
        return unknown(f"the NVIDIA management library says: {error}")
    finally:
        pynvml.nvmlShutdown()


def _gpu(nvml: Any, handle: Any, seen: Visible = Visible(None, "not asked")) -> Gpu:  # noqa: B008 - immutable
    def ask(call: Callable[[], Any]) -> Fact[Any]:
        try:
            value = call()
        except nvml.NVMLError as error:
            return unknown(f"the NVIDIA management library says: {error}")
        except AttributeError as error:
            return unknown(f"this nvidia-ml-py lacks a function: {error}")
        return known(value.decode(errors="replace") if isinstance(value, bytes) else value)

    def clock(kind: int) -> Fact[int]:
        return ask(lambda: int(nvml.nvmlDeviceGetClockInfo(handle, kind)) * 1_000_000)

    card = ask(lambda: nvidia.card_of(nvml, handle)).value
    ids = frozenset() if card is None else frozenset((card.uuid, card.place, *(one.uuid for one in card.slices))) - {""}
    return Gpu(
        name=ask(lambda: nvml.nvmlDeviceGetName(handle)),
        memory_bytes=ask(lambda: int(nvml.nvmlDeviceGetMemoryInfo(handle).total)),
        driver=ask(nvml.nvmlSystemGetDriverVersion),
        sm_clock_hz=clock(nvml.NVML_CLOCK_SM),
        memory_clock_hz=clock(nvml.NVML_CLOCK_MEM),
        power_limit_mw=ask(lambda: int(nvml.nvmlDeviceGetEnforcedPowerLimit(handle))),
        temperature_millicelsius=ask(
            lambda: int(nvml.nvmlDeviceGetTemperature(handle, nvml.NVML_TEMPERATURE_GPU)) * 1000
        ),
        throttle_reasons=ask(lambda: int(nvml.nvmlDeviceGetCurrentClocksEventReasons(handle))),
        ecc=ask(lambda: bool(nvml.nvmlDeviceGetEccMode(handle)[0])),
        mig=ask(lambda: bool(nvml.nvmlDeviceGetMigMode(handle)[0])),
        compute_mode=ask(lambda: int(nvml.nvmlDeviceGetComputeMode(handle))),
        pcie_generation=ask(lambda: int(nvml.nvmlDeviceGetCurrPcieLinkGeneration(handle))),
        pcie_width=ask(lambda: int(nvml.nvmlDeviceGetCurrPcieLinkWidth(handle))),
        memory_used_bytes=ask(lambda: int(nvml.nvmlDeviceGetMemoryInfo(handle).used)),
        busy_percent=ask(lambda: int(nvml.nvmlDeviceGetUtilizationRates(handle).gpu)),
        processes=ask(lambda: len(nvml.nvmlDeviceGetComputeRunningProcesses(handle))),
        slices=unknown("the card did not answer") if card is None else known(len(card.slices)),
        visible=unknown(seen.reason) if seen.ids is None else known(bool(ids & set(seen.ids))),
        ids=ids,
    )


def _amd(source: Source) -> Fact[tuple[str, ...]]:
    if not source.linux:
        return unknown("AMD devices are read on Linux")
    if not source.tree.exists("sys/module/amdgpu"):
        return unknown("the amdgpu driver is not loaded")
    if importlib.util.find_spec("amdsmi") is None:
        return unknown("the amdgpu driver is loaded and amdsmi is not installed")
    names = source.tree.names("sys/class/drm/card?/device/product_name")
    found = tuple(text for name in names if (text := source.tree.line(name).value))
    return known(found) if found else unknown("the driver names no product")


def _apple(source: Source) -> Fact[str]:
    if source.system != "Darwin" or source.machine != "arm64":
        return unknown("not an Apple machine")
    return source.setting("machdep.cpu.brand_string").then(lambda name: f"{name} GPU", "no name")
