"""The forecaster of the evidence that is shipped: read and fitted once in a process."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from typing import Annotated

from pydantic import Field

from harness.catalog import devices, platforms, published, toml_file
from harness.catalog.toml_file import Part
from harness.errors import BadInput
from harness.forecast.effects import EFFECTS
from harness.forecast.evidence import Evidence, evidence, merged
from harness.forecast.forecaster import Forecaster, learn
from harness.forecast.pooling import Spread
from harness.forecast.values import Kind, Point
from harness.paths import configs

Variance = Annotated[float, Field(ge=0, le=100)]
Deviations = Annotated[float, Field(ge=0, le=100)]


class _Spread(Part):
    noise: Annotated[float, Field(gt=0, le=100)]
    elsewhere: list[Deviations] = Field(default=[0.0, 0.0], min_length=2, max_length=2)
    effects: dict[str, Variance]
    fixed_seconds: dict[str, Annotated[float, Field(ge=0, le=1)]]


class _File(Part):
    decode: _Spread
    prefill: _Spread


@cache
def shipped() -> Evidence:
    """The published rows as points, and why the others are none. Raises `BadInput` for a file that is not valid."""
    return evidence(published.rows(), published.names(), cache(devices.find), cache(platforms.find))


@cache
def spreads() -> dict[Kind, Spread]:
    """How much efficiencies differ, as `benchmarks/forecast.py --spreads` estimated it. Raises `BadInput`."""
    path = configs() / "evidence" / "spreads.toml"
    file, _ = toml_file.read(path, _File, "docs/forecast.md")
    found = {}
    for kind, part in ((Kind.DECODE, file.decode), (Kind.PREFILL, file.prefill)):
        names = {effect.name for effect in EFFECTS[kind]}
        if names != part.effects.keys():
            wrong = ", ".join(sorted(names ^ part.effects.keys()))
            fix = "run: python benchmarks/forecast.py --spreads"
            raise BadInput(
                f"{kind}: must have the effects of the program; differs in {wrong}", where=str(path), fix=fix
            )
        found[kind] = Spread(part.effects, part.noise, part.fixed_seconds, (part.elsewhere[0], part.elsewhere[1]))
    return found


@cache
def forecaster() -> Forecaster:
    """Of the shipped evidence alone. Raises `BadInput`."""
    return forecaster_of(())


@cache
def digest() -> str:
    """Of the files that forecasts follow from: what was made of them can be kept for as long as it is the same."""
    found = sha256()
    for folder in ("evidence", "devices"):
        for path in sorted((configs() / folder).iterdir()):
            found.update(path.name.encode() + b"\0" + path.read_bytes())
    return found.hexdigest()


def forecaster_of(records: Sequence[Point]) -> Forecaster:
    """Of the shipped evidence and these records. Raises `BadInput`."""
    points, _ = merged((*shipped().points, *records))
    return learn(points, spreads())
