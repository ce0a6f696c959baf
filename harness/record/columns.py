"""The columns of tables that others read (frames, downloads, CSV): name, type, unit, meaning; and their JSON Schemas."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

DRAFT = "https://json-schema.org/draft/2020-12/schema"


class Type(StrEnum):
    """Of a column's values, as JSON calls it."""

    TEXT = "string"
    INTEGER = "integer"
    NUMBER = "number"
    FLAG = "boolean"


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `unit`: "" for what has none. `values`: all that it may hold, where they are few. `nullable`: may be empty."""

    name: str
    type: Type
    meaning: str
    unit: str = ""
    nullable: bool = False
    values: tuple[str, ...] = ()

    def schema(self) -> dict[str, Any]:
        """Of one value."""
        kinds = [str(self.type), "null"] if self.nullable else str(self.type)
        found: dict[str, Any] = {"type": kinds, "description": self.meaning}
        if self.unit:
            found["unit"] = self.unit
        if self.values:
            found["enum"] = [*self.values, None] if self.nullable else list(self.values)
        return found


def text(name: str, meaning: str, *, nullable: bool = False, values: Sequence[str] = ()) -> Column:
    """A column of texts."""
    return Column(name, Type.TEXT, meaning, nullable=nullable, values=tuple(values))


def integer(name: str, meaning: str, unit: str = "", *, nullable: bool = False) -> Column:
    """A column of whole numbers."""
    return Column(name, Type.INTEGER, meaning, unit, nullable)


def number(name: str, meaning: str, unit: str = "", *, nullable: bool = True) -> Column:
    """A column of numbers."""
    return Column(name, Type.NUMBER, meaning, unit, nullable)


def flag(name: str, meaning: str) -> Column:
    """A column of yes and no."""
    return Column(name, Type.FLAG, meaning)


def line_schema(name: str, title: str, columns: Sequence[Column]) -> dict[str, Any]:
    """The JSON Schema of one line of a table, as an object by column; `unit` is an annotation of ours."""
    return {
        "$schema": DRAFT,
        "$id": f"urn:repro-harness:{name}:v1",
        "title": title,
        "type": "object",
        "properties": {column.name: column.schema() for column in columns},
        "required": [column.name for column in columns],
        "additionalProperties": False,
    }
