"""A grid: models × runtimes × suites × options, every combination of the lists a configuration of its own."""

from __future__ import annotations

from itertools import product
from math import prod
from typing import Annotated

from pydantic import Field, model_validator

from harness.catalog.toml_file import Part
from harness.catalog.triples import Triple, Value, Word

MOST = 1000  # combinations; with a minute each that is most of a day on every node
Words = Annotated[tuple[Word, ...], Field(min_length=1, max_length=MOST)]


class Lists(Part):
    """TOML has arrays, the parts have tuples."""

    @model_validator(mode="before")
    @classmethod
    def _lists(cls, data: object) -> object:
        return {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()} if isinstance(data, dict) else data


class Grid(Lists):
    """The lists. A runtime may name a release: `llama.cpp@0.3.30`."""

    models: Words
    runtimes: Words
    suites: Words = ("default",)
    backend: Word = "auto"
    processes: int | None = Field(default=None, ge=1, le=1000)
    budget_s: int | None = Field(default=None, ge=1, description="of each combination")
    timeout_s: int | None = Field(default=None, ge=1, description="as --timeout")
    options: dict[str, Value | list[Value]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _bounded(self) -> Grid:
        lists: dict[str, tuple[object, ...]] = {"models": self.models, "runtimes": self.runtimes, "suites": self.suites}
        lists |= {f"options.{name}": tuple(values) for name, values in self._options().items()}
        empty = next((name for name, values in lists.items() if not values), None)
        if empty is not None:
            raise ValueError(f"{empty} has no value")
        count = prod(len(values) for values in lists.values())
        if count > MOST:  # before anything is compared or multiplied out
            raise ValueError(f"the lists make {count:,} combinations, the limit is {MOST:,}")
        for name, values in lists.items():
            twice = next((one for one in values if values.count(one) > 1), None)
            if twice is not None:
                raise ValueError(f"{name} has {twice!r} twice")
        return self

    def _options(self) -> dict[str, list[Value]]:
        return {name: values if isinstance(values, list) else [values] for name, values in self.options.items()}

    def cells(self) -> tuple[Triple, ...]:
        """Every combination, the last option changing fastest."""
        options = self._options()
        shared = {name: getattr(self, name) for name in ("backend", "processes", "budget_s", "timeout_s")}
        return tuple(
            Triple(model=model, runtime=runtime, suite=suite, options=dict(zip(options, values, strict=True)), **shared)
            for model, runtime, suite in product(self.models, self.runtimes, self.suites)
            for values in product(*options.values())
        )


class Exclusion(Part):
    """Leaves out every combination that agrees with all that it names."""

    model: Word | None = None
    runtime: Word | None = None
    suite: Word | None = None
    options: dict[str, Value] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_something(self) -> Exclusion:
        if not str(self):
            raise ValueError("must name a model, runtime, suite or option")
        return self

    def hits(self, triple: Triple) -> bool:
        """Whether that one is left out."""
        named = {name: value for name in ("model", "runtime", "suite") if (value := getattr(self, name)) is not None}
        return all(getattr(triple, name) == value for name, value in named.items()) and all(
            triple.options.get(name) == value for name, value in self.options.items()
        )

    def __str__(self) -> str:
        named = [str(value) for value in (self.model, self.runtime, self.suite) if value is not None]
        return " ".join([*named, *(f"{name}={value}" for name, value in self.options.items())])
