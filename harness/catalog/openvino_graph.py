"""The constants of an OpenVINO model and what reads them, from its XML alone. Own code, with limits: engines trust the file.

Format: https://docs.openvino.ai, "OpenVINO IR format"; the data of the constants stands in a file of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

from harness.errors import BadInput

MAX_LAYERS, MAX_EDGES, MAX_DIMS, MAX_NAME = 1 << 20, 1 << 22, 12, 1024
MAX_XML = 256 << 20
# Bits of an element (openvino/core/type/element_type.hpp).
BITS: Mapping[str, int] = {
    "boolean": 8, "bf16": 16, "f16": 16, "f32": 32, "f64": 64, "i4": 4, "i8": 8, "i16": 16, "i32": 32, "i64": 64, "u1": 1,
    "u2": 2, "u3": 3, "u4": 4, "u6": 6, "u8": 8, "u16": 16, "u32": 32, "u64": 64, "nf4": 4, "f8e4m3": 8, "f8e5m2": 8, "f4e2m1": 4,
    "f8e8m0": 8,
}  # fmt: skip
# Between a stored weight and the matrix that is multiplied: it is unpacked, and laid out anew.
_UNPACKING = frozenset(
    ("Convert", "Subtract", "Multiply", "Reshape", "Transpose", "Unsqueeze", "Squeeze", "FakeConvert")
)


@dataclass(frozen=True, slots=True)
class Constant:
    """One constant; its data are `n_bytes` from `offset` on in the file of weights."""

    type: str
    shape: tuple[int, ...]
    offset: int
    n_bytes: int

    @property
    def elements(self) -> int:
        """The product of the shape."""
        return math.prod(self.shape)


@dataclass(slots=True)
class Layer:
    """An operation; `inputs` are the numbers of those that feed it, in the order of its ports."""

    name: str
    kind: str
    constant: Constant | None = None
    inputs: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Graph:
    """The operations of the model itself by their numbers. `nested`: it has others inside of some, which are not told."""

    layers: Mapping[int, Layer]
    facts: Mapping[str, str]  # of rt_info, by the path of their names
    nested: bool

    def constants(self, number: int) -> list[int] | None:
        """The constants that an operation's value is made of by unpacking alone; None where it depends on anything else."""
        found, waiting, seen = [], [number], set[int]()
        while waiting:
            one = waiting.pop()
            if one in seen:
                continue
            seen.add(one)
            layer = self.layers.get(one)
            if layer is None:
                return None
            if layer.constant is not None:
                found.append(one)
            elif layer.kind in _UNPACKING and layer.inputs:
                waiting += layer.inputs.values()
            else:
                return None
        return found

    def of_kind(self, kind: str) -> Iterator[tuple[int, Layer]]:
        """The operations of a kind, with their numbers."""
        return ((number, layer) for number, layer in self.layers.items() if layer.kind == kind)


def parse(text: bytes, room: int, where: str) -> Graph:
    """The graph of an XML whose file of weights has `room` bytes. Raises `BadInput` with what is wrong."""
    reader = _Reader(room, where)
    parser = expat.ParserCreate()
    parser.StartElementHandler, parser.EndElementHandler = reader.start, reader.end
    parser.StartDoctypeDeclHandler = reader.doctype
    try:
        parser.Parse(text, True)
    except expat.ExpatError as error:
        raise _bad(where, f"is not XML ({error})") from error
    return reader.graph()


class _Reader:
    """What expat calls; a path of names stands for where it is."""

    def __init__(self, room: int, where: str) -> None:
        self._room, self._where = room, where
        self._path: list[str] = []
        self._layers: dict[int, Layer] = {}
        self._layer: Layer | None = None
        self._edges = 0
        self._facts: dict[str, str] = {}
        self._nested = False

    def doctype(self, *_: object) -> None:
        raise _bad(self._where, "declares a document type, which no model has")

    def start(self, name: str, values: dict[str, str]) -> None:
        self._path.append(name)
        depth = len(self._path)
        if depth == 1 and name != "net":
            raise _bad(self._where, "is not an OpenVINO model")
        if depth > 64:
            raise _bad(self._where, "is nested too deeply")
        if self._path[1:2] == ["rt_info"] and "value" in values and len(self._facts) < MAX_NAME:
            self._facts["/".join(self._path[2:])] = values["value"][:MAX_NAME]
        elif name == "layer" and depth == 3:
            self._begin(values)
        elif name == "layer":
            self._nested = True
        elif name == "data" and depth == 4 and self._layer is not None and self._layer.kind == "Const":
            self._layer.constant = self._constant(values)
        elif name == "edge" and depth == 3:
            self._edge(values)

    def end(self, name: str) -> None:
        if self._path.pop() == "layer" and len(self._path) == 2:
            if self._layer is not None and self._layer.kind == "Const" and self._layer.constant is None:
                raise _bad(self._where, f"has the constant {self._layer.name!r} without data")
            self._layer = None

    def graph(self) -> Graph:
        """What was read. Raises `BadInput` where it is nothing."""
        if not self._layers:
            raise _bad(self._where, "holds no operation")
        return Graph(self._layers, self._facts, self._nested)

    def _begin(self, values: Mapping[str, str]) -> None:
        number = self._whole(values, "id")
        if number in self._layers or len(self._layers) == MAX_LAYERS:
            raise _bad(self._where, f"has the operation {number} twice, or too many")
        self._layer = self._layers[number] = Layer(values.get("name", "")[:MAX_NAME], values.get("type", "")[:MAX_NAME])

    def _constant(self, values: Mapping[str, str]) -> Constant:
        kind, name = values.get("element_type", ""), (self._layer or Layer("", "")).name
        parts = [part.strip() for part in values.get("shape", "").split(",") if part.strip()]
        offset, size = self._whole(values, "offset"), self._whole(values, "size")
        if kind == "string":
            return Constant(kind, (), offset, size)
        if kind not in BITS or len(parts) > MAX_DIMS or not all(part.isascii() and part.isdigit() for part in parts):
            raise _bad(self._where, f"describes the constant {name!r} badly")
        found = Constant(kind, tuple(map(int, parts)), offset, size)
        if size != -(-found.elements * BITS[kind] // 8) or offset + size > self._room:
            raise _bad(self._where, f"places the constant {name!r} wrongly: its weights have {self._room} bytes")
        return found

    def _edge(self, values: Mapping[str, str]) -> None:
        self._edges += 1
        source, target = self._whole(values, "from-layer"), self._whole(values, "to-layer")
        if target not in self._layers or source not in self._layers or self._edges > MAX_EDGES:
            raise _bad(self._where, f"leads from operation {source} to {target}, which are not both there")
        self._layers[target].inputs[self._whole(values, "to-port")] = source

    def _whole(self, values: Mapping[str, str], name: str) -> int:
        text = values.get(name, "")
        if not (text.isascii() and text.isdigit() and len(text) < 20):
            raise _bad(self._where, f"has {name}={text[:40]!r}: must be a whole number")
        return int(text)


def _bad(where: str, what: str) -> BadInput:
    return BadInput(what, where=where, fix="fetch it again or take another model")
