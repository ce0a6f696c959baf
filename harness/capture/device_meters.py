"""Meters of devices: what is asked of each by its vendor's library, and what is made of the answers of several."""

from __future__ import annotations

import contextlib
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.capture import nvidia
from harness.capture.nvidia import Found
from harness.device_ids import pci
from harness.measure.counters import of_device

Question = Callable[[Any], int]  # of a device's handle
# What any one device tells is true of all together; everything else is known only where all of them tell it.
_BY_ANY = frozenset(("thermal_violation_ns", "power_violation_ns", "temperature_mc", "throttle_reasons", "strangers"))


@dataclass(frozen=True, slots=True)
class Metered:
    """A device by its vendor's handle; `position` is its place among the GPUs that the engine lists."""

    handle: Any
    position: int = 0


class Devices:
    """The devices of one vendor: questions about each, and what is made of their answers."""

    quick = True

    def __init__(
        self,
        devices: Sequence[Metered],
        totals: Mapping[str, Question],
        instants: Mapping[str, Question],
        errors: tuple[type[BaseException], ...],
        listed: int | None = None,
    ) -> None:
        """`listed`: how many devices the engine says it uses; where some of them are not here, nothing is summed up."""
        self._devices, self._totals, self._instants, self._errors = devices, totals, instants, errors
        self._several = listed is not None and listed > 1
        self._whole = listed is None or listed <= len(devices)

    def totals(self) -> dict[str, int]:
        """The sum over the devices, and each one's own where the engine told several."""
        return self._joined(self._totals)

    def sample(self) -> dict[str, int]:
        """Clocks of the slowest device, temperature of the hottest, power and memory of all, the union of their reasons; and
        each one's own where the engine told several.
        """
        return self._joined(self._instants)

    def _joined(self, questions: Mapping[str, Question]) -> dict[str, int]:
        found: dict[str, int] = {}
        told: dict[str, int] = {}
        own: dict[str, int] = {}
        for device in self._devices:
            answers = self._answers(device.handle, questions)
            _merge(found, answers)
            for name in answers:
                told[name] = told.get(name, 0) + 1
            if self._several:
                own |= {of_device(device.position, name): value for name, value in answers.items()}
        whole = len(self._devices) if self._whole else -1
        return {name: value for name, value in found.items() if name in _BY_ANY or told[name] == whole} | own

    def _answers(self, handle: Any, questions: Mapping[str, Question]) -> dict[str, int]:
        found: dict[str, int] = {}
        for name, question in questions.items():
            with contextlib.suppress(*self._errors):
                found[name] = question(handle)
        return found


class NotTold(Exception):
    """The library tells it of a whole card, and this is a slice of one."""


class Nvidia(Devices):
    """NVIDIA devices by nvidia-ml-py. Of a MIG slice the clocks, temperature and reasons are its card's, which it shares;
    power and energy are the whole card's and are not taken for the slice's.
    """

    def __init__(self, nvml: Any, devices: Sequence[Metered], own: frozenset[int], listed: int | None = None) -> None:
        def whole(found: Found) -> Any:
            if found.sliced:
                raise NotTold
            return found.card

        def itself(found: Found) -> Any:
            if found.own is None:
                raise NotTold
            return found.own

        super().__init__(
            devices,
            {
                "device_energy_uj": lambda d: int(nvml.nvmlDeviceGetTotalEnergyConsumption(whole(d))) * 1000,
                "thermal_violation_ns": lambda d: self._held(d.card, nvml.NVML_PERF_POLICY_THERMAL),
                "power_violation_ns": lambda d: self._held(d.card, nvml.NVML_PERF_POLICY_POWER),
            },
            {
                "sm_clock_hz": lambda d: int(nvml.nvmlDeviceGetClockInfo(d.card, nvml.NVML_CLOCK_SM)) * 1_000_000,
                "memory_clock_hz": lambda d: int(nvml.nvmlDeviceGetClockInfo(d.card, nvml.NVML_CLOCK_MEM)) * 1_000_000,
                "temperature_mc": lambda d: (
                    int(nvml.nvmlDeviceGetTemperature(d.card, nvml.NVML_TEMPERATURE_GPU)) * 1000
                ),
                "power_mw": lambda d: int(nvml.nvmlDeviceGetPowerUsage(whole(d))),
                "throttle_reasons": lambda d: int(nvml.nvmlDeviceGetCurrentClocksEventReasons(d.card)),
                "memory_used_bytes": lambda d: int(nvml.nvmlDeviceGetMemoryInfo(itself(d)).used),
                "strangers": lambda d: len(self._computing(itself(d)) - self._own),
            },
            (*nvidia.errors_of(nvml), NotTold),
            listed,
        )
        self._nvml = nvml
        present = self._listed() or frozenset()
        # In a container the driver may name processes by the host's numbers, ours too: then those that were there when
        # the model was loaded pass for ours, and only a newcomer is a stranger.
        self._own = own if own & present or not present else own | present

    @classmethod
    def open(cls, own: frozenset[int], ids: Sequence[str] | None = None) -> Nvidia | None:
        """None where there is no driver, or where which devices are meant can't be told.

        `own` are the process ids that are ours; `ids` the UUIDs or PCI places of the devices that the engine uses, "" for one
        that it does not tell. Without ids (None) all cards are opened; where the engine told none (empty), the only one that
        it can see.
        """
        nvml = nvidia.opened()
        if nvml is None:
            return None
        found = [nvidia.find(nvml, one) if one else None for one in ids or ()]
        if ids is not None and not ids:
            found = [nvidia.only_visible(nvml)]
        elif ids is None:
            found = [nvidia.find(nvml, card.uuid) for card in nvidia.cards(nvml)]
        devices = [Metered(one, position) for position, one in enumerate(found) if one is not None]
        if not devices:
            with contextlib.suppress(*nvidia.errors_of(nvml)):
                nvml.nvmlShutdown()
            return None
        return cls(nvml, devices, own, len(found) if ids else None)

    def _held(self, handle: Any, policy: int) -> int:
        """For how long this policy has held the clocks down."""
        return int(self._nvml.nvmlDeviceGetViolationStatus(handle, policy).violationTime)

    def _computing(self, handle: Any) -> frozenset[int]:
        return frozenset(int(p.pid) for p in self._nvml.nvmlDeviceGetComputeRunningProcesses(handle))

    def _listed(self) -> frozenset[int] | None:
        handles = [one.handle.own for one in self._devices if one.handle.own is not None]
        try:
            return frozenset().union(*(self._computing(handle) for handle in handles)) if handles else None
        except self._errors:
            return None

    def processes(self) -> int | None:
        """How many processes compute on the devices now; None where the driver does not tell."""
        listed = self._listed()
        return None if listed is None else len(listed)

    def close(self) -> None:
        """Shut the library down."""
        with contextlib.suppress(*self._errors):
            self._nvml.nvmlShutdown()


class Amd(Devices):
    """AMD devices by amdsmi. Tested against a double only: no such device was at hand."""

    def __init__(self, smi: Any, devices: Sequence[Metered], listed: int | None = None) -> None:
        kinds, sensor, metric = smi.AmdSmiClkType, smi.AmdSmiTemperatureType, smi.AmdSmiTemperatureMetric
        super().__init__(
            devices,
            {"device_energy_uj": self._energy},
            {
                "sm_clock_hz": lambda h: int(smi.amdsmi_get_clock_info(h, kinds.GFX)["clk"]) * 1_000_000,
                "memory_clock_hz": lambda h: int(smi.amdsmi_get_clock_info(h, kinds.MEM)["clk"]) * 1_000_000,
                "power_mw": lambda h: int(smi.amdsmi_get_power_info(h)["average_socket_power"]) * 1000,
                "temperature_mc": lambda h: int(smi.amdsmi_get_temp_metric(h, sensor.HOTSPOT, metric.CURRENT)) * 1000,
                "memory_used_bytes": lambda h: int(smi.amdsmi_get_gpu_vram_usage(h)["vram_used"]) << 20,
            },
            (smi.AmdSmiException, AttributeError, KeyError, TypeError, ValueError),
            listed,
        )
        self._smi = smi

    @classmethod
    def open(cls, ids: Sequence[str] | None = None) -> Amd | None:
        """None where amdsmi is not installed or finds no device of these PCI places; without ids (None) all are opened, where
        the engine told none (empty), the only one there is.
        """
        try:
            smi = importlib.import_module("amdsmi")
            smi.amdsmi_init()
            handles = list(smi.amdsmi_get_processor_handles())
        except Exception:
            return None
        if ids:
            places = {_amd_place(smi, handle): handle for handle in handles}
            wanted = {position: pci(one) for position, one in enumerate(ids)}
            devices = [Metered(places[at], position) for position, at in wanted.items() if at and at in places]
        else:
            devices = [Metered(one, n) for n, one in enumerate(handles)] if ids is None or len(handles) == 1 else []
        return cls(smi, devices, len(ids) if ids else None) if devices else None

    def _energy(self, handle: Any) -> int:
        """The accumulator, times its resolution in microjoules."""
        data = self._smi.amdsmi_get_energy_count(handle)
        return int(data.get("energy_accumulator", data.get("power")) * data["counter_resolution"])

    def close(self) -> None:
        """Shut the library down."""
        with contextlib.suppress(*self._errors):
            self._smi.amdsmi_shut_down()


def _amd_place(smi: Any, handle: Any) -> str:
    try:
        return pci(str(smi.amdsmi_get_gpu_device_bdf(handle))) or ""
    except (smi.AmdSmiException, AttributeError):
        return ""


def _merge(found: dict[str, int], one: dict[str, int]) -> None:
    """Join two devices' answers: the slowest clock, the hottest, sums of what adds up, bits of what is bits."""
    for key, value in one.items():
        if key not in found:
            found[key] = value
        elif key.endswith("_clock_hz"):
            found[key] = min(found[key], value)
        elif key == "temperature_mc":
            found[key] = max(found[key], value)
        elif key == "throttle_reasons":
            found[key] |= value
        else:
            found[key] += value
