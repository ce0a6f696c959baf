"""What public documents say of processors' memory: channels and rate by platform, and which platform a name means."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from harness.catalog import toml_file
from harness.catalog.toml_file import Part
from harness.errors import BadInput
from harness.paths import configs

Text = Annotated[str, Field(min_length=2, max_length=300)]
# "(R)", the clock, and what says nothing: "AMD EPYC 7763 64-Core Processor" is an AMD EPYC 7763.
_NOTHING = re.compile(
    r"\((?:tm|r)\)|[™®©]|@.*$|\bcpu\b|\bprocessor\b|\b\d+-cores?\b|\bw/.*$|\bwith radeon.*$", re.IGNORECASE
)


class _Platform(Part):
    platform: Text
    names: list[Text] = Field(min_length=1)
    generation: Text
    memory: Text
    channels: int | None = Field(default=None, ge=1, le=32)
    bits: int = Field(default=64, ge=16, le=128)
    rate_mt_s: int | None = Field(default=None, ge=200, le=20_000)
    source: Text

    @model_validator(mode="after")
    def _whole(self) -> _Platform:
        if (self.channels is None) != (self.rate_mt_s is None):
            raise ValueError(f"{self.platform}: give channels and rate_mt_s, or neither")
        return self


class _File(Part):
    documents: dict[str, Text]
    platform: list[_Platform] = Field(min_length=1)

    @model_validator(mode="after")
    def _sourced(self) -> _File:
        for one in self.platform:
            if one.source not in self.documents:
                raise ValueError(f"{one.platform}: its source {one.source!r} is not among the documents")
        return self


@dataclass(frozen=True, slots=True)
class Platform:
    """A family of processors with one kind of memory, a socket's."""

    name: str
    patterns: tuple[str, ...]  # of processors' names; ? is one digit, * anything
    generation: str
    memory: str
    channels: int | None
    bits: int  # of a channel
    rate_mt_s: int | None  # the fastest that the vendor names; modules may be slower, and are overclocked on desktops
    source: str

    def bandwidth_bytes_per_s(self, channels: int | None = None, rate_mt_s: int | None = None) -> int | None:
        """Channels × their width × transfers a second, of a socket; what the machine tells goes before the vendor's figures."""
        used, rate = channels or self.channels, rate_mt_s or self.rate_mt_s
        return None if used is None or rate is None else used * self.bits * rate * 1_000_000 // 8


def table() -> tuple[Platform, ...]:
    """Every platform under `configs/processors/`. Raises `BadInput`."""
    return _shipped()


def find(name: str) -> Platform | None:
    """The platform of a processor by its name, as /proc/cpuinfo or the system has it; None for none or several."""
    found = [one for one in _shipped() if matches(one, name)]
    return found[0] if len(found) == 1 else None


def matches(platform: Platform, name: str) -> bool:
    """Whether the name is one of the platform's."""
    shown = " ".join(_NOTHING.sub(" ", name).split()).casefold()
    return shown == platform.name.casefold() or any(_pattern(p).fullmatch(shown) for p in platform.patterns)


@cache
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text.casefold()).replace(r"\?", "[0-9]").replace(r"\*", ".*"))


def read(folder: Path) -> tuple[Platform, ...]:
    """The platforms of every file in `folder`. Raises `BadInput` with file and reason, and for a name that stands twice."""
    found = tuple(one for path in sorted(folder.glob("*.toml")) for one in _read_file(path))
    if not found:
        raise BadInput("holds no platform", where=str(folder), fix="reinstall repro-harness")
    seen: set[str] = set()
    for name in (name for one in found for name in (one.name, *one.patterns)):
        if name.casefold() in seen:
            raise BadInput(f"{name!r} stands twice", where=str(folder), fix="drop one")
        seen.add(name.casefold())
    return found


@cache
def _shipped() -> tuple[Platform, ...]:
    return read(configs() / "processors")


def _read_file(path: Path) -> Iterable[Platform]:
    file, _ = toml_file.read(path, _File, "docs/devices.md")
    for one in file.platform:
        yield Platform(
            name=one.platform,
            patterns=tuple(one.names),
            generation=one.generation,
            memory=one.memory,
            channels=one.channels,
            bits=one.bits,
            rate_mt_s=one.rate_mt_s,
            source=file.documents[one.source],
        )
