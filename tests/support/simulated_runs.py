"""Runs that take no time: a planted rate, noise between processes, and a machine that gets slower with each process.

What leads them (`run_sweep`, `tune`) is the real thing; only the clock and the engine are made up.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from harness.errors import RunFailed
from harness.run.scores import Rates


@dataclass
class Machine:
    """What all runs share: `drift` is the growth of a step a process, `noise` the scatter of a process, in logs."""

    random: np.random.Generator
    drift: float = 0.0
    noise: float = 0.01
    process_s: float = 10.0
    started: int = 0
    failing: frozenset[str] = frozenset()
    lost: frozenset[str] = frozenset()  # whose processes come to no end, and the run goes on
    order: list[str] = field(default_factory=list)

    def clock(self) -> float:
        """Seconds of the processes so far."""
        return self.started * self.process_s

    def process(self, name: str, rate: float) -> float:
        """The rate that one process of a run measures."""
        self.order.append(name)
        self.started += 1
        if name in self.failing:
            raise RunFailed("the engine crashed")
        return rate / (1 + self.drift * (self.started - 1)) * math.exp(self.random.normal(0, self.noise))


@dataclass
class SimulatedRun:
    """One cell. Its record is a small JSON file with the medians of its processes."""

    machine: Machine
    name: str
    rate: float
    processes: int
    folder: Path
    prefill: float = 1000.0
    medians: list[float] = field(default_factory=list)
    stopped: str = ""
    discarded: bool = False

    @property
    def used(self) -> int:
        """See `Running`."""
        return len(self.medians)

    @property
    def complete(self) -> list[float]:
        """See `Running`."""
        return self.medians

    def step(self) -> bool:
        """See `Running`."""
        if len(self.medians) >= self.processes:
            return False
        made = self.machine.process(self.name, self.rate)
        if self.name not in self.machine.lost:
            self.medians.append(made)
        return True

    @property
    def last_failure(self) -> str:
        """See `Rated`."""
        return "the engine crashed" if self.name in self.machine.lost else ""

    def rates(self) -> dict[int, Rates]:
        """See `Rated`."""
        return {index: Rates(median, self.prefill) for index, median in enumerate(self.medians)}

    def stop(self, why: str) -> None:
        """See `Running`."""
        self.stopped = why

    def conclude(self) -> Path:
        """See `Running`."""
        path = self.folder / f"{self.name}.json"
        path.write_text(json.dumps(self.medians))
        return path

    def discard(self) -> None:
        """See `Running`."""
        self.discarded = True
