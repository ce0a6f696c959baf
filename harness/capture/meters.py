"""Instruments that count while something else runs: energy, throttling, clocks. One small interface, one class a vendor.

Totals are read at the boundaries of trials; samples are instants and may be taken beside a trial where a core is free.
Every call of a vendor's library may fail on its own: what fails is left out, and an absent key means unknown.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from harness.capture.device_meters import Amd, Nvidia
from harness.device_kinds import GPUS, DeviceKind
from harness.measure.throttling import SW_THERMAL

__all__ = ["Amd", "Apple", "Meter", "Nvidia", "Rapl", "open_meters"]


class Meter(Protocol):
    """One instrument. `quick`: both readings take well below half a millisecond, so that it may be read beside a trial."""

    quick: bool

    def totals(self) -> dict[str, int]:
        """Counts since some moment in the past: `…_uj` microjoules, `…_ns` nanoseconds."""

    def sample(self) -> dict[str, int]:
        """Instants: clocks in Hz, power in mW, temperature in m°C, memory in bytes, `throttle_reasons` as NVML's bits."""

    def close(self) -> None:
        """Let the library go."""


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


def open_meters(device_kinds: frozenset[DeviceKind], own: frozenset[int], ids: Sequence[str]) -> list[Meter]:
    """The instruments for a run on devices of these kinds (cpu, gpu, …), which have these ids, where the engine told them.

    Where a server computes, only what is certainly this machine's: nothing says which of its devices the server uses.
    """
    if DeviceKind.SERVER in device_kinds:
        return []
    found: list[Meter] = [meter for meter in (Rapl.open(), Apple.open()) if meter is not None]
    return [*found, *(_of_gpus(own, ids) if device_kinds & GPUS else ())]


def _of_gpus(own: frozenset[int], ids: Sequence[str]) -> list[Meter]:
    """By the ids of the GPUs that the engine uses; none where it told none and both vendors have one."""
    found: list[Meter | None] = [Nvidia.open(own, ids), Amd.open(ids)]
    opened = [meter for meter in found if meter is not None]
    if len(opened) > 1 and not ids:
        for meter in opened:
            meter.close()
        return []
    return opened
