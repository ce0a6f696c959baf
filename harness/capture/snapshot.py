"""All that is captured of a machine, joined; what `repro bench` calls."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

from harness.capture import bandwidth as measuring
from harness.capture.bandwidth import Bandwidth
from harness.capture.cpu import Cpu, read_cpu
from harness.capture.facts import to_plain
from harness.capture.gpu import Gpus, read_gpus
from harness.capture.host import Host, read_host
from harness.capture.memory import Memory, read_memory
from harness.capture.peaks import Peak, cpu_peak
from harness.capture.software import Software, read_software
from harness.capture.source import Source, this_machine
from harness.capture.topology import most_cores, read_topology, usable_cores


@dataclass(frozen=True, slots=True)
class Environment:
    """One machine at one time."""

    cpu: Cpu
    memory: Memory
    host: Host
    gpu: Gpus
    software: Software

    def to_json(self) -> dict[str, Any]:
        """Integers, texts, booleans, and null with a reason."""
        plain = to_plain(self)
        if not isinstance(plain, dict):
            raise TypeError("an environment is an object")
        return plain


def capture(source: Source | None = None) -> Environment:
    """Read everything; some ten milliseconds."""
    source = source or this_machine()
    return Environment(
        cpu=read_cpu(source),
        memory=read_memory(source),
        host=read_host(source),
        gpu=read_gpus(source),
        software=read_software(),
    )


def cores() -> int:
    """Threads that a runtime should use by default."""
    return usable_cores(read_topology(this_machine())).value or os.cpu_count() or 1


def cores_for(threads: object, environment: Environment) -> int:
    """Cores that bound a run with so many threads: the fast ones, or all where it uses more threads than these."""
    fast = usable_cores(environment.cpu.topology).value or os.cpu_count() or 1
    if not isinstance(threads, int) or threads <= fast:
        return fast
    return max(fast, most_cores(environment.cpu.topology).value or fast)


def bandwidth(threads: int, environment: Environment) -> Bandwidth:
    """Measure it now."""
    return measuring.measure(threads, environment.cpu.l3_bytes.value or 0, environment.memory.limit_bytes.value)


def peak(environment: Environment, threads: int) -> Peak:
    """The bound on arithmetic of the cores that the run could use."""
    return cpu_peak(environment.cpu, threads)
