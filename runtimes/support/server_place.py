"""Whose hardware a server computes on: this machine's where its process was seen with the model, or by the operator's word."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from harness.errors import BadInput
from runtimes.interface import Device, DeviceKind
from runtimes.support import listening, server_devices
from runtimes.support.sse import Server

UNKNOWN = Device("unknown", DeviceKind.SERVER, "the server's device, which is not known")


@dataclass(frozen=True, slots=True)
class Place:
    """How the hardware is known, in words, and as what it is recorded; `drivers`: what the process has open to compute with.

    `gpu_open`: whether one of its device files is a GPU's; None where its process was not seen.
    """

    known: str
    devices: tuple[Device, ...]
    drivers: str = ""
    gpu_open: bool | None = None

    @property
    def here(self) -> bool:
        """Whether it is this machine's."""
        return all(device.kind is not DeviceKind.SERVER for device in self.devices)


def place_of(server: Server, model: Path, vouched: bool) -> Place:
    """Raises `BadInput` where the operator vouches for another machine."""
    processes = listening.processes_at(server.address(), server.port) if server.loopback else []
    with_children = [one for pid in processes for one in (pid, *listening.descendants(pid))]
    opened = server_devices.seen(with_children)
    if vouched and not server.loopback:
        raise BadInput(
            "nobody can vouch that another machine is this one",
            where="-o vouch",
            fix="leave it out: the hardware is unknown",
        )
    if vouched:
        return _local(opened, bool(processes), "vouched for by the operator", "this machine, by the operator's word")
    if processes and all(listening.holds(pid, model) for pid in processes):
        return _local(opened, True, "process seen with the model open", "this machine, process seen")
    return Place("unknown", (UNKNOWN,), opened.text)


def _local(opened: server_devices.ServerDevices, seen: bool, known: str, description: str) -> Place:
    """A server on this machine: with the software device that it has open, which is never taken for the processor's own work;
    unknown where nobody can tell which of the two computes.
    """
    if opened.software and opened.maybe:
        return Place(f"unknown: {opened.software} may compute, or the processor", (UNKNOWN,), opened.text)
    server = Device("local", DeviceKind.LOCAL_SERVER, description)
    gpu_open = bool(opened.nodes) if seen else None
    if not opened.software:
        return Place(known, (server,), opened.text, gpu_open)
    software = Device(opened.software, DeviceKind.SOFTWARE, f"{opened.software}, which the server has open")
    return Place(known, (server, software), opened.text, gpu_open)
