"""Intel's GPUs by their PCI ids, in the words of its own drivers. An id that is not in the table has no name."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated

from pydantic import Field, model_validator

from harness.catalog import toml_file
from harness.catalog.toml_file import Part
from harness.paths import configs

VENDOR = "8086"
Number = Annotated[str, Field(pattern=r"^[0-9a-f]{4}$")]
Text = Annotated[str, Field(min_length=2, max_length=100)]


class _File(Part):
    source: Annotated[str, Field(min_length=10, max_length=1000)]
    cards: dict[Number, Text] = Field(min_length=1)
    integrated: dict[Number, Text] = Field(min_length=1)

    @model_validator(mode="after")
    def _apart(self) -> _File:
        both = sorted(self.cards.keys() & self.integrated.keys())
        if both:
            raise ValueError(f"{both[0]} is a card and integrated")
        return self


@dataclass(frozen=True, slots=True)
class Named:
    """What its driver calls it, and whether it is a part of the processor, whose memory it uses."""

    name: str
    integrated: bool


def named(device: str) -> Named | None:
    """By the device number of a PCI id, `56a0` or `0x56A0`; None where the table has none."""
    return _table().get(device.strip().lower().removeprefix("0x"))


@cache
def _table() -> dict[str, Named]:
    file, _ = toml_file.read(configs() / "pci" / "intel.toml", _File, "docs/devices.md")
    return {
        number: Named(name, integrated=group is file.integrated)
        for group in (file.cards, file.integrated)
        for number, name in group.items()
    }
