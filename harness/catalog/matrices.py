"""A matrix: several triples to measure in one go, or a sweep over one triple's options, as a TOML file."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from harness.catalog import toml_file
from harness.catalog.grids import Exclusion, Grid
from harness.catalog.machines import Machine, Needs
from harness.catalog.pairs import Pair
from harness.catalog.toml_file import Part
from harness.catalog.triples import Triple, Value, Word

__all__ = ["MOST_CELLS", "Loaded", "Matrix", "Sweep", "Triple", "read"]
MOST_CELLS = 256  # of a sweep: with three processes of a minute each that is half a day


class Sweep(Part):
    """One triple with lists of options: every combination is measured, their processes take turns."""

    model: Word
    runtime: Word
    suite: Word = "default"
    backend: Word = "auto"
    processes: int | None = Field(default=None, ge=1, le=1000, description="of each combination")
    budget_s: int | None = Field(default=None, ge=1, description="of the whole sweep")
    timeout_s: int | None = Field(default=None, ge=1, description="as --timeout")
    seed: int = Field(default=0, ge=0, le=2**32)
    options: dict[str, Value | list[Value]]

    @model_validator(mode="after")
    def _swept(self) -> Sweep:
        count = 1
        for name, values in self.options.items():
            listed = values if isinstance(values, list) else [values]
            if not listed:
                raise ValueError(f"options.{name} has no value")
            twice = next((one for one in listed if listed.count(one) > 1), None)
            if twice is not None:
                raise ValueError(f"options.{name} has {twice!r} twice")
            count *= len(listed)
        if count > MOST_CELLS:
            raise ValueError(f"the lists of options make {count:,} combinations, the limit is {MOST_CELLS}")
        if count == 1:
            raise ValueError("no option has several values: write threads = [1, 2], or make it one of the [[triples]]")
        return self

    @property
    def swept(self) -> tuple[str, ...]:
        """The options with several values."""
        return tuple(name for name, values in self.options.items() if isinstance(values, list) and len(values) > 1)

    def cells(self) -> list[Triple]:
        """Every combination, the last option changing fastest."""
        lists = [values if isinstance(values, list) else [values] for values in self.options.values()]
        shared = {
            name: getattr(self, name) for name in ("model", "runtime", "suite", "backend", "processes", "timeout_s")
        }
        return [Triple(**shared, options=dict(zip(self.options, values, strict=True))) for values in product(*lists)]


class Matrix(Part):
    """Triples in the order in which they are run, then the grid, then the sweep. Pairs, machines, needs and budget: a fleet's."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,80}$")]
    title: str = ""
    seed: int = Field(default=0, ge=0, le=2**32, description="draws a fleet's order on each node")
    triples: tuple[Triple, ...] = Field(default=(), max_length=1000)
    grid: Grid | None = None
    exclude: tuple[Exclusion, ...] = Field(default=(), max_length=100)
    sweep: Sweep | None = None
    pairs: tuple[Pair, ...] = Field(default=(), max_length=100)
    machines: tuple[Machine, ...] = Field(default=(), max_length=100)
    needs: Needs | None = None
    budget_s: int | None = Field(default=None, ge=1, description="of a whole fleet, its nodes' seconds added up")

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, data: object) -> object:
        # TOML has arrays, the model has tuples.
        return {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()} if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _once(self) -> Matrix:
        if not (self.triples or self.pairs or self.grid is not None or self.sweep is not None):
            raise ValueError("must have [[triples]], a [grid], [[pairs]] or a [sweep]")
        if self.exclude and self.grid is None:
            raise ValueError("exclude is for the combinations of a [grid]; name its lists first")
        cells = () if self.grid is None else self.grid.cells()
        idle = next((one for one in self.exclude if not any(map(one.hits, cells))), None)
        if idle is not None:
            raise ValueError(f"exclude {str(idle)!r} hits no combination of the grid")
        found = self.configurations
        if not (found or self.pairs or self.sweep is not None):
            raise ValueError("exclude leaves nothing to measure")
        keys = Counter(triple.key for triple in found)
        twice = next((t for t in found if keys[t.key] > 1), None)
        if twice is not None:
            raise ValueError(f"the triple {str(twice)!r} is given twice")
        for what, parts in (("machines", self.machines), ("pairs", self.pairs)):
            names = Counter(one.name for one in parts)
            same = next((name for name, count in names.items() if count > 1), None)
            if same is not None:
                raise ValueError(f"two {what} are called {same!r}")
        return self

    @property
    def configurations(self) -> tuple[Triple, ...]:
        """The triples, then the grid's combinations less what `exclude` hits."""
        cells = () if self.grid is None else self.grid.cells()
        return (*self.triples, *(cell for cell in cells if not any(one.hits(cell) for one in self.exclude)))


@dataclass(frozen=True, slots=True)
class Loaded:
    """A matrix with the digest of its file."""

    matrix: Matrix
    sha256: str


def read(path: Path) -> Loaded:
    """The matrix in a file. Raises `BadInput` with file, place and reason."""
    return Loaded(*toml_file.read(path, Matrix, "docs/matrices.md"))
