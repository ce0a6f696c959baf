"""A pair: two configurations, A and B, whose processes take turns on one node, so that B / A is that node's own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from harness.catalog.toml_file import Part
from harness.catalog.triples import Triple, Value, Word

Ident = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
SideName = Literal["a", "b"]
SIDES: tuple[SideName, SideName] = ("a", "b")
ROUNDS = 4  # two in an order and two in its reverse; three decide the least


class Side(Part):
    """What one side has of its own; the rest is the pair's."""

    model: Word | None = None
    runtime: Word | None = None
    suite: Word | None = None
    backend: Word | None = None
    options: dict[str, Value] = Field(default_factory=dict)


class Pair(Part):
    """What both sides have in common, and the sides. `processes`: rounds, one process of each side in each."""

    name: Ident
    a: Side
    b: Side
    model: Word | None = None
    runtime: Word | None = None
    suite: Word = "default"
    backend: Word = "auto"
    options: dict[str, Value] = Field(default_factory=dict)
    processes: int = Field(default=ROUNDS, ge=2, le=1000, description="of each side")
    budget_s: int | None = Field(default=None, ge=1, description="of both sides together")
    timeout_s: int | None = Field(default=None, ge=1, description="as --timeout")

    @model_validator(mode="after")
    def _two(self) -> Pair:
        for name, side in zip(SIDES, (self.a, self.b), strict=True):
            lacking = next((part for part in ("model", "runtime") if self._part(side, part) is None), None)
            if lacking is not None:
                raise ValueError(f"{name} has no {lacking}: write it there, or above for both")
        a, b = self.triples
        if a.key == b.key:
            raise ValueError("a and b are the same configuration")
        return self

    def _part(self, side: Side, name: str) -> Any:
        own = getattr(side, name)
        return getattr(self, name) if own is None else own

    def _triples(self) -> Iterator[Triple]:
        for side in (self.a, self.b):
            parts = {name: self._part(side, name) for name in ("model", "runtime", "suite", "backend")}
            yield Triple(
                **parts,
                processes=self.processes,
                timeout_s=self.timeout_s,
                options=self.options | side.options,
            )

    @property
    def triples(self) -> tuple[Triple, Triple]:
        """A and B, complete."""
        a, b = self._triples()
        return a, b
