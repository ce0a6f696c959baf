"""A matrix: several triples to measure in one go, as a TOML file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from harness.catalog import toml_file
from harness.catalog.toml_file import Part

Word = Annotated[str, Field(min_length=1, max_length=500)]


class Triple(Part):
    """One measurement; the hardware is the machine's own."""

    model: Word
    runtime: Word
    suite: Word = "default"
    backend: Word = "auto"
    processes: int | None = Field(default=None, ge=1, le=1000)
    budget_s: int | None = Field(default=None, ge=1)
    options: dict[str, str | int | bool] = Field(default_factory=dict)

    @property
    def settings(self) -> tuple[str, ...]:
        """The options as `repro bench -o` takes them."""
        return tuple(
            f"{name}={str(value).lower() if isinstance(value, bool) else value}" for name, value in self.options.items()
        )

    @property
    def key(self) -> str:
        """Names the triple in the matrix's state."""
        return sha256(json.dumps(self.model_dump(), sort_keys=True).encode()).hexdigest()[:16]

    def __str__(self) -> str:
        return " ".join((self.model, self.runtime, self.suite, *self.settings))


class Matrix(Part):
    """The triples in the order in which they are run."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,80}$")]
    title: str = ""
    triples: tuple[Triple, ...] = Field(min_length=1, max_length=1000)

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, data: object) -> object:
        # TOML has arrays, the model has tuples.
        return {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()} if isinstance(data, dict) else data

    @model_validator(mode="after")
    def _once(self) -> Matrix:
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
