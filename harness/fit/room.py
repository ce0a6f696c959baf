"""The room that a machine or a part of the device table has for a model. Values alone; `harness.capture.rooms` reads them."""

from __future__ import annotations

from dataclasses import dataclass

from harness.fit.need import Place

# recommendedMaxWorkingSetSize as engines printed it: 10.7 of 16 GiB, 21.3 of 32, 27 of 36, 48 of 64, 72 of 96. Newer systems give
# more (107.5 of 128): the least is taken, since what "fits" must.
METAL = "what Metal gives a GPU where nobody raised it"
_LARGE = 36 << 30


def metal_bytes(machine: int) -> int:
    """Of a Mac with so much memory, what its GPU may take: two thirds, from 36 GiB on three quarters."""
    return machine * 3 // 4 if machine >= _LARGE else machine * 2 // 3


@dataclass(frozen=True, slots=True)
class Room:
    """Bytes; None where it is not known. `device_*` of all devices that share a model, None where there is no such device.

    `shared`: the device computes from the machine's memory. `source` says where the device's figure is from, `unknown` why
    there is none.
    """

    memory_free: int | None
    memory_total: int | None
    device: str = ""
    device_free: int | None = None
    device_total: int | None = None
    shared: bool = False
    source: str = ""
    unknown: str = ""
    devices: tuple[
        tuple[str, int], ...
    ] = ()  # name and all bytes of each that an engine may see, where a driver tells them

    def free(self, place: Place) -> int | None:
        """What may still be taken there."""
        return self.device_free if place is Place.DEVICE else self.memory_free
