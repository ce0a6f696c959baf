"""Instruments that count while something else runs: energy, throttling, clocks. One small interface, one class a vendor.

Totals are read at the boundaries of trials; samples are instants and may be taken beside a trial where a core is free.
Every call of a vendor's library may fail on its own: what fails is left out, and an absent key means unknown.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from harness.device_kinds import GPUS, DeviceKind
from harness.measure.throttling import SW_THERMAL


class Meter(Protocol):
    """One instrument. `quick`: both readings take well below half a millisecond, so that it may be read beside a trial."""

    quick: bool

    def totals(self) -> dict[str, int]:
        """Counts since some moment in the past: `…_uj` microjoules, `…_ns` nanoseconds."""

    def sample(self) -> dict[str, int]:
        """Instants: clocks in Hz, power in mW, temperature in m°C, memory in bytes, `throttle_reasons` as NVML's bits."""

    def close(self) -> None:
        """Let the library go."""


Question = Callable[[Any], int]  # of a device's handle


class _Devices:
    """The devices of one vendor: questions about each, and what is made of their answers."""

    quick = True

    def __init__(
        self,
        handles: Sequence[Any],
        totals: Mapping[str, Question],
        instants: Mapping[str, Question],
        errors: tuple[type[BaseException], ...],
    ) -> None:
        self._handles, self._totals, self._instants, self._errors = handles, totals, instants, errors

    def totals(self) -> dict[str, int]:
        """The sum over the devices."""
        found: dict[str, int] = {}
        for handle in self._handles:
            for key, value in self._answers(handle, self._totals).items():
                found[key] = found.get(key, 0) + value
        return found

    def sample(self) -> dict[str, int]:
        """Clocks of the slowest device, temperature of the hottest, power and memory of all, the union of their reasons."""
        found: dict[str, int] = {}
        for handle in self._handles:
            _merge(found, self._answers(handle, self._instants))
        return found

    def _answers(self, handle: Any, questions: Mapping[str, Question]) -> dict[str, int]:
        found: dict[str, int] = {}
        for name, question in questions.items():
            with contextlib.suppress(*self._errors):
                found[name] = question(handle)
        return found


class Nvidia(_Devices):
    """NVIDIA devices by nvidia-ml-py, all that the engine may see."""

    def __init__(self, nvml: Any, handles: Sequence[Any], own: frozenset[int]) -> None:
        super().__init__(
            handles,
            {
                "device_energy_uj": lambda h: int(nvml.nvmlDeviceGetTotalEnergyConsumption(h)) * 1000,
                "thermal_violation_ns": lambda h: self._held(h, nvml.NVML_PERF_POLICY_THERMAL),
                "power_violation_ns": lambda h: self._held(h, nvml.NVML_PERF_POLICY_POWER),
            },
            {
                "sm_clock_hz": lambda h: int(nvml.nvmlDeviceGetClockInfo(h, nvml.NVML_CLOCK_SM)) * 1_000_000,
                "memory_clock_hz": lambda h: int(nvml.nvmlDeviceGetClockInfo(h, nvml.NVML_CLOCK_MEM)) * 1_000_000,
                "temperature_mc": lambda h: int(nvml.nvmlDeviceGetTemperature(h, nvml.NVML_TEMPERATURE_GPU)) * 1000,
                "power_mw": lambda h: int(nvml.nvmlDeviceGetPowerUsage(h)),
                "throttle_reasons": lambda h: int(nvml.nvmlDeviceGetCurrentClocksEventReasons(h)),
                "memory_used_bytes": lambda h: int(nvml.nvmlDeviceGetMemoryInfo(h).used),
                "strangers": lambda h: len(self._computing(h) - self._own),
            },
            # The last one where a driver is older than the bindings: it is no NVMLError.
            (nvml.NVMLError, AttributeError, getattr(nvml, "NVMLLibraryMismatchError", nvml.NVMLError)),
        )
        self._nvml = nvml
        listed = self._listed() or frozenset()
        # In a container the driver may name processes by the host's numbers, ours too: then those that were there when
        # the model was loaded pass for ours, and only a newcomer is a stranger.
        self._own = own if own & listed or not listed else own | listed

    @classmethod
    def open(cls, own: frozenset[int], ids: Sequence[str] | None = None) -> Nvidia | None:
        """None where there is no driver, or where which devices are meant can't be told.

        `own` are the process ids that are ours; `ids` the driver's ids of the devices that the engine uses. Without ids
        (None) all devices are opened; where the engine told none (empty), the only one there is.
        """
        try:
            nvml = importlib.import_module("pynvml")  # of the package nvidia-ml-py
            nvml.nvmlInit()
        except Exception:  # NVMLError is only known once the import went well
            return None
        try:
            count = nvml.nvmlDeviceGetCount()
            if ids:
                handles = [nvml.nvmlDeviceGetHandleByUUID(one) for one in ids]
            else:
                handles = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(count) if ids is None or count == 1]
        except nvml.NVMLError:
            handles = []
        if not handles:
            nvml.nvmlShutdown()
            return None
        return cls(nvml, handles, own)

    def _held(self, handle: Any, policy: int) -> int:
        """For how long this policy has held the clocks down."""
        return int(self._nvml.nvmlDeviceGetViolationStatus(handle, policy).violationTime)

    def _computing(self, handle: Any) -> frozenset[int]:
        return frozenset(int(p.pid) for p in self._nvml.nvmlDeviceGetComputeRunningProcesses(handle))

    def _listed(self) -> frozenset[int] | None:
        try:
            return frozenset().union(*(self._computing(handle) for handle in self._handles))
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


class Amd(_Devices):
    """AMD devices by amdsmi. Tested against a double only: no such device was at hand."""

    def __init__(self, smi: Any, handles: Sequence[Any]) -> None:
        kinds, sensor, metric = smi.AmdSmiClkType, smi.AmdSmiTemperatureType, smi.AmdSmiTemperatureMetric
        super().__init__(
            handles,
            {"device_energy_uj": self._energy},
            {
                "sm_clock_hz": lambda h: int(smi.amdsmi_get_clock_info(h, kinds.GFX)["clk"]) * 1_000_000,
                "memory_clock_hz": lambda h: int(smi.amdsmi_get_clock_info(h, kinds.MEM)["clk"]) * 1_000_000,
                "power_mw": lambda h: int(smi.amdsmi_get_power_info(h)["average_socket_power"]) * 1000,
                "temperature_mc": lambda h: int(smi.amdsmi_get_temp_metric(h, sensor.HOTSPOT, metric.CURRENT)) * 1000,
                "memory_used_bytes": lambda h: int(smi.amdsmi_get_gpu_vram_usage(h)["vram_used"]) << 20,
            },
            (smi.AmdSmiException, AttributeError, KeyError, TypeError, ValueError),
        )
        self._smi = smi

    @classmethod
    def open(cls) -> Amd | None:
        """None where amdsmi is not installed or finds no device."""
        try:
            smi = importlib.import_module("amdsmi")
            smi.amdsmi_init()
            handles = smi.amdsmi_get_processor_handles()
        except Exception:
            return None
        return cls(smi, handles) if handles else None

    def _energy(self, handle: Any) -> int:
        """The accumulator, times its resolution in microjoules."""
        data = self._smi.amdsmi_get_energy_count(handle)
        return int(data.get("energy_accumulator", data.get("power")) * data["counter_resolution"])

    def close(self) -> None:
        """Shut the library down."""
        with contextlib.suppress(*self._errors):
            self._smi.amdsmi_shut_down()


class Apple:
    """Apple's own word on whether heat holds the processor down, by `pmset`; its energy needs root and is not read."""

    quick = False  # a program is started for each sample

    def __init__(self, program: str) -> None:
        self._program = program

    @classmethod
    def open(cls) -> Apple | None:
        """None where there is no pmset."""
        program = shutil.which("pmset") if sys.platform == "darwin" else None
        return None if program is None else cls(program)

    def totals(self) -> dict[str, int]:
        """Nothing is counted."""
        return {}

    def sample(self) -> dict[str, int]:
        """`throttle_reasons` with the thermal bit where the speed limit is below 100 %."""
        try:
            done = subprocess.run(
                [self._program, "-g", "therm"], capture_output=True, text=True, timeout=5, check=False
            )
        except (OSError, subprocess.SubprocessError):
            return {}
        limits = [int(n) for n in re.findall(r"CPU_Speed_Limit\s*=\s*(\d+)", done.stdout)]
        return {"throttle_reasons": SW_THERMAL if min(limits) < 100 else 0} if limits else {}

    def close(self) -> None:
        """Nothing is held open."""


class Rapl:
    """The processor packages' energy, where the kernel lets this user read it."""

    quick = True

    def __init__(self, zones: Sequence[tuple[Path, int]]) -> None:
        self._zones = zones
        self._last = [0] * len(zones)
        self._turns = [0] * len(zones)

    @classmethod
    def open(cls, root: Path = Path("/sys/class/powercap")) -> Rapl | None:
        """None where no package's counter can be read: in most virtual machines, and without root on many kernels."""
        zones = []
        for folder in sorted(root.glob("intel-rapl:?")) if root.is_dir() else []:
            with contextlib.suppress(OSError, ValueError):
                if (folder / "name").read_text().startswith("package") and os.access(folder / "energy_uj", os.R_OK):
                    int((folder / "energy_uj").read_text())
                    zones.append((folder / "energy_uj", int((folder / "max_energy_range_uj").read_text())))
        return cls(zones) if zones else None

    def totals(self) -> dict[str, int]:
        """All packages; a counter that wrapped around goes on from where it was."""
        total = 0
        for index, (path, span) in enumerate(self._zones):
            try:
                value = int(path.read_text())
            except (OSError, ValueError):
                return {}
            if value < self._last[index]:
                self._turns[index] += span
            self._last[index] = value
            total += value + self._turns[index]
        return {"cpu_energy_uj": total}

    def sample(self) -> dict[str, int]:
        """Nothing beside the energy."""
        return {}

    def close(self) -> None:
        """Nothing is held open."""


def _merge(found: dict[str, int], one: dict[str, int]) -> None:
    """Join two devices' samples: the slowest clock, the hottest, sums of what adds up, bits of what is bits."""
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


def open_meters(device_kinds: frozenset[DeviceKind], own: frozenset[int], ids: Sequence[str]) -> list[Meter]:
    """The instruments for a run on devices of these kinds (cpu, gpu, …), which have these ids, where the engine told them.

    Where a server computes, only what is certainly this machine's: nothing says which of its devices the server uses.
    """
    if DeviceKind.SERVER in device_kinds:
        return []
    found: list[Meter | None] = [Rapl.open(), Apple.open()]
    if device_kinds & GPUS:
        found += [Nvidia.open(own, ids), Amd.open()]
    return [meter for meter in found if meter is not None]
