"""Published llama-bench results: facts that others printed, each with its source. Never records, never counted for a tier.

`configs/evidence/llama-bench.csv` holds the rows as they were printed, `names.toml` beside it what their labels mean.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from harness.catalog import toml_file
from harness.catalog.toml_file import Part
from harness.errors import BadInput
from harness.files import read_limited
from harness.paths import configs

COLUMNS = (
    "source", "date", "device", "device_count", "backend", "build", "model", "quantisation", "size_gib", "params_b",
    "test", "tokens_per_s", "stddev", "threads", "odd", "apart", "note",
)  # fmt: skip
LIMIT = 16 << 20  # bytes of the table
GIB = 1 << 30
Text = Annotated[str, Field(min_length=1, max_length=300)]


@dataclass(frozen=True, slots=True)
class Published:
    """One row as it was printed. `odd`: a reader's doubt; `apart`: a part of it, or all, ran on a processor."""

    line: int  # of the file
    source: str
    date: str
    device: str
    devices: int
    backend: str
    build: str
    model: str
    quantisation: str
    size_bytes: float | None
    parameters: float | None
    test: str
    tokens_per_s: float
    deviation: float | None  # of the repetitions, tokens/s
    odd: bool
    apart: bool
    note: str


class _Model(Part):
    pattern: Text
    layers: int | None = Field(default=None, ge=1, le=1000)
    full_layers: int | None = Field(default=None, ge=1, le=1000)
    heads: int = Field(default=0, ge=0, le=10_000)
    kv_heads: int = Field(default=0, ge=0, le=10_000)
    head_length: int = Field(default=0, ge=0, le=10_000)
    compressed: bool = False
    active_b: float | None = Field(default=None, gt=0, le=10_000)
    source: Text
    checked: str = Field(default="", max_length=300)


class _Unknown(Part):
    pattern: Text
    reason: Text


class _Names(Part):
    devices: dict[Text, Text]
    processors: dict[Text, Text]
    backends: dict[Text, Text]
    model: list[_Model]
    unknown: list[_Unknown]


@dataclass(frozen=True, slots=True)
class KnownModel:
    """What a model keeps and passes through. Elements and widths are sums over the layers that see the whole context."""

    cache_elements: int  # of a token, K and V together; 0: not stated
    attention_width: int  # heads × their length: two multiplications and additions for each earlier token
    active_parameters: float | None  # of experts
    layers: int | None
    source: str


@dataclass(frozen=True, slots=True)
class Names:
    """What labels mean: devices and processors by the names of their tables, backends by their family of kernels."""

    devices: Mapping[str, str]
    processors: Mapping[str, str]
    backends: Mapping[str, str]
    _models: tuple[tuple[re.Pattern[str], KnownModel], ...]
    _unknown: tuple[tuple[re.Pattern[str], str], ...]

    def model(self, label: str) -> KnownModel | None:
        """The first that matches; None where the label says nothing that is known."""
        return next((known for pattern, known in self._models if pattern.fullmatch(label)), None)

    def unknown(self, label: str) -> str:
        """Why its size does not tell what a token reads; "" where it does."""
        return next((reason for pattern, reason in self._unknown if pattern.fullmatch(label)), "")


@cache
def rows() -> tuple[Published, ...]:
    """Every row that is shipped, in the order of the file. Raises `BadInput`."""
    path = configs() / "evidence" / "llama-bench.csv"
    return parse(read_limited(path, LIMIT, "the table").decode(), str(path))


@cache
def names() -> Names:
    """What the labels of the shipped rows mean. Raises `BadInput`."""
    return read_names(configs() / "evidence" / "names.toml")


def read_names(path: Path) -> Names:
    """The meaning of labels from one file. Raises `BadInput` with file and reason."""
    file, _ = toml_file.read(path, _Names, "docs/forecast.md")
    try:
        models = tuple((re.compile(one.pattern, re.IGNORECASE), _known(one)) for one in file.model)
        unknown = tuple((re.compile(one.pattern, re.IGNORECASE), one.reason) for one in file.unknown)
    except re.error as error:
        raise BadInput(f"a pattern must be a regular expression: {error}", where=str(path), fix="mend it") from error
    return Names(file.devices, file.processors, file.backends, models, unknown)


def _known(one: _Model) -> KnownModel:
    layers = one.full_layers or one.layers or 0
    kept = one.kv_heads * one.head_length * (1 if one.compressed else 2)
    active = None if one.active_b is None else one.active_b * 1e9
    return KnownModel(layers * kept, layers * one.heads * one.head_length, active, one.layers, one.source)


def parse(text: str, where: str) -> tuple[Published, ...]:
    """The rows of a table with these columns. Raises `BadInput` with the line of the first row that is not valid."""
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if reader.fieldnames is None or tuple(reader.fieldnames) != COLUMNS:
        raise BadInput(f"must have the columns {', '.join(COLUMNS)}", where=where, fix="see docs/forecast.md")
    found = []
    for row in reader:
        if None in row or None in row.values():
            raise BadInput(f"must have {len(COLUMNS)} cells", where=f"{where}, line {reader.line_num}", fix="mend it")
        found.append(_row(row, reader.line_num, where))
    return tuple(found)


def _row(row: Mapping[str, str], line: int, where: str) -> Published:
    def number(column: str, scale: float = 1.0) -> float | None:
        if not row[column]:
            return None
        try:
            value = float(row[column])
        except ValueError:
            value = math.nan
        if not 0 <= value < 1e15:
            place = f"{where}, line {line}, {column}"
            raise BadInput(f"must be a number from 0 on, not {row[column]!r}", where=place, fix="mend it")
        return value * scale

    rate, count = number("tokens_per_s"), number("device_count")
    if not rate or not count or count != int(count):
        raise BadInput("must have a rate and a number of devices", where=f"{where}, line {line}", fix="mend it")
    return Published(
        line=line,
        source=row["source"],
        date=row["date"],
        device=row["device"],
        devices=int(count),
        backend=row["backend"],
        build=row["build"],
        model=row["model"],
        quantisation=row["quantisation"],
        size_bytes=number("size_gib", GIB) or None,
        parameters=number("params_b", 1e9) or None,
        test=row["test"],
        tokens_per_s=rate,
        deviation=number("stddev"),
        odd=row["odd"] == "1",
        apart=row["apart"] == "1",
        note=row["note"],
    )
