"""Memory that a run will hold, in parts, each with its place; what is not known stays unknown with its reason."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Place(StrEnum):
    """Where a part lies."""

    DEVICE = "device"  # a GPU's own memory
    MEMORY = "memory"  # the machine's, also where a GPU shares it


@dataclass(frozen=True, slots=True)
class Part:
    """Some bytes of one kind in one place, as the engine asks for them; None where that is not known.

    `mapped`: pages of the model's file, which the system drops and reads again as it must. `written`: what of the part takes
    memory while it runs, where that is less: what an engine reserves and never fills costs none, nor what it reads but once.
    """

    kind: str
    place: Place
    size_bytes: int | None
    mapped: bool = False
    written: int | None = None
    unknown: str = ""

    @property
    def must_lie(self) -> int:
        """Bytes without which it can't run; 0 for what is not known, or can be read again."""
        return 0 if self.mapped else (self.size_bytes or 0) if self.written is None else self.written


@dataclass(frozen=True, slots=True)
class Need:
    """All parts, for one context; of `layers` (and the output behind them) the last `device_layers` are on the device."""

    parts: tuple[Part, ...]
    context: int
    layers: int
    device_layers: int = 0

    def at(self, place: Place) -> Iterator[Part]:
        """The parts in one place."""
        return (part for part in self.parts if part.place is place)

    def total(self, place: Place) -> int | None:
        """What the engine asks for there; None where a part is not known."""
        sizes = [part.size_bytes for part in self.at(place)]
        return None if None in sizes else sum(size for size in sizes if size is not None)

    def must_lie(self, place: Place) -> int:
        """Without which the run can't be, there."""
        return sum(part.must_lie for part in self.at(place))

    def resident(self, place: Place) -> int:
        """What takes memory once all that is mapped is read: less than `total` where an engine reserves what it never fills."""
        return sum(part.size_bytes or 0 if part.written is None else part.written for part in self.at(place))

    def known(self, place: Place) -> int:
        """The sum of what is known there: at least so much is asked for."""
        return sum(part.size_bytes or 0 for part in self.at(place))

    @property
    def unknown(self) -> tuple[str, ...]:
        """Each reason once."""
        return tuple(dict.fromkeys(part.unknown for part in self.parts if part.size_bytes is None and part.unknown))
