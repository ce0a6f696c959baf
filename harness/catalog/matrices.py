"""A matrix: several triples to measure in one go, or a sweep over one triple's options, as a TOML file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from harness.catalog import toml_file
from harness.catalog.toml_file import Part

Word = Annotated[str, Field(min_length=1, max_length=500)]
Value = str | int | bool
MOST_CELLS = 256  # of a sweep: with three processes of a minute each that is half a day


class Triple(Part):
    """One measurement; the hardware is the machine's own."""

    model: Word
    runtime: Word
    suite: Word = "default"
    backend: Word = "auto"
    processes: int | None = Field(default=None, ge=1, le=1000)
    budget_s: int | None = Field(default=None, ge=1)
    timeout_s: int | None = Field(
        default=None, ge=1, description="as --timeout; how long to wait is not what is measured"
    )
    options: dict[str, Value] = Field(default_factory=dict)

    @property
    def settings(self) -> tuple[str, ...]:
        """The options as `repro bench -o` takes them."""
        return tuple(
            f"{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in self.options.items()
        )

    @property
    def key(self) -> str:
        """Names the triple in the matrix's state."""
        named = self.model_dump(exclude={"timeout_s"})
        return sha256(json.dumps(named, sort_keys=True).encode()).hexdigest()[:16]

    def __str__(self) -> str:
        return " ".join((self.model, self.runtime, self.suite, *self.settings))


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
    """The triples in the order in which they are run, then the sweep."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,80}$")]
    title: str = ""
    triples: tuple[Triple, ...] = Field(default=(), max_length=1000)
    sweep: Sweep | None = None

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, data: object) -> object:
        # TOML has arrays, the model has tuples.
        return {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()} if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _once(self) -> Matrix:
        if not self.triples and self.sweep is None:
            raise ValueError("has neither [[triples]] nor a [sweep]")
        keys = [triple.key for triple in self.triples]
        twice = next((t for t in self.triples if keys.count(t.key) > 1), None)
        if twice is not None:
            raise ValueError(f"the triple {str(twice)!r} is given twice")
        return self


@dataclass(frozen=True, slots=True)
class Loaded:
    """A matrix with the digest of its file."""

    matrix: Matrix
    sha256: str


def read(path: Path) -> Loaded:
    """The matrix in a file. Raises `BadInput` with file, place and reason."""
    return Loaded(*toml_file.read(path, Matrix, "docs/matrices.md"))
