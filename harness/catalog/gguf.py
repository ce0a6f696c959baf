"""Reads and checks the header of a GGUF file before any engine opens it. Own code, with limits: engines trust headers.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Tensor data is never read.
"""

from __future__ import annotations

import math
import mmap
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.catalog import plain_file
from harness.catalog.formats import Format
from harness.catalog.scheme import Scheme
from harness.errors import BadInput

MAX_KEYS, MAX_TENSORS, MAX_STRING, MAX_ARRAY, MAX_DIMS = 65_536, 262_144, 16 << 20, 1 << 24, 4
MAX_NAME = 1024
SHORT = "ends inside its header"

# type number → (name, elements in a block, bytes of a block); gguf.GGML_QUANT_SIZES, gguf 0.19.0;
# Q2_0 from ggml-common.h of llama.cpp
TYPES: Mapping[int, tuple[str, int, int]] = {
    0: ("F32", 1, 4), 1: ("F16", 1, 2), 2: ("Q4_0", 32, 18), 3: ("Q4_1", 32, 20), 6: ("Q5_0", 32, 22),
    7: ("Q5_1", 32, 24), 8: ("Q8_0", 32, 34), 9: ("Q8_1", 32, 40), 10: ("Q2_K", 256, 84), 11: ("Q3_K", 256, 110),
    12: ("Q4_K", 256, 144), 13: ("Q5_K", 256, 176), 14: ("Q6_K", 256, 210), 15: ("Q8_K", 256, 292),
    16: ("IQ2_XXS", 256, 66), 17: ("IQ2_XS", 256, 74), 18: ("IQ3_XXS", 256, 98), 19: ("IQ1_S", 256, 50),
    20: ("IQ4_NL", 32, 18), 21: ("IQ3_S", 256, 110), 22: ("IQ2_S", 256, 82), 23: ("IQ4_XS", 256, 136),
    24: ("I8", 1, 1), 25: ("I16", 1, 2), 26: ("I32", 1, 4), 27: ("I64", 1, 8), 28: ("F64", 1, 8),
    29: ("IQ1_M", 256, 56), 30: ("BF16", 1, 2), 34: ("TQ1_0", 256, 54), 35: ("TQ2_0", 256, 66),
    39: ("MXFP4", 32, 17), 40: ("NVFP4", 64, 36), 41: ("Q1_0", 128, 18), 42: ("Q2_0", 64, 18),
}  # fmt: skip
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
_STRING, _ARRAY = 8, 9
# Large arrays that make up the tokenizer: digested together, not kept.
_TOKENIZER = "tokenizer."


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor's place; `n_bytes` from type and shape. `parameters` is the model's own: of packed ones more than elements, of
    scales none, None where the packing is not known.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    n_bytes: int
    offset: int  # from the start of the data section
    parameters: int | None = -1  # -1: one an element

    def __post_init__(self) -> None:
        if self.parameters == -1:
            object.__setattr__(self, "parameters", self.elements)

    @property
    def elements(self) -> int:
        """The product of the shape."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True)
class Header:
    """What the header says; arrays in `metadata` are kept up to 4096 scalars, as tuples, and otherwise only digested.

    `scheme` is what a folder's configuration, or its graph, says of its quantisation; a GGUF has none.
    """

    version: int
    metadata: Mapping[str, Any]
    tensors: tuple[Tensor, ...]
    data_offset: int
    metadata_sha256: str
    tokenizer_sha256: str | None
    scheme: Scheme | None = None
    format: Format = "gguf"  # or safetensors, openvino

    def text(self, key: str) -> str | None:
        """A string of the metadata."""
        value = self.metadata.get(key)
        return value if isinstance(value, str) else None

    def number(self, key: str) -> int | None:
        """An integer of the metadata."""
        value = self.metadata.get(key)
        return value if isinstance(value, int) and not isinstance(value, bool) else None

    @property
    def context_trained(self) -> int | None:
        """Tokens that the model was trained for; None where the header does not say."""
        return self.number(f"{self.text('general.architecture')}.context_length")


def is_one(path: Path) -> bool:
    """Whether a file begins as a GGUF does, whatever its name."""
    try:
        with path.open("rb") as file:
            return file.read(4) == b"GGUF"
    except OSError:
        return False


def read(path: Path) -> Header:
    """The checked header. Raises `BadInput` with what is wrong."""
    plain_file.need_file(path)
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            if size == 0:
                raise _bad(path, "is empty")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
                return parse(view, size, path)
    except OSError as error:
        raise BadInput(f"can't be read ({error.strerror})", where=str(path), fix="check its permissions") from error


def parse(view: mmap.mmap | bytes, size: int, path: Path) -> Header:
    """The checked header of a file of `size` bytes whose beginning (or all) is `view`."""
    reader = _Reader(view, size, path)
    if reader.take(4) != b"GGUF":
        raise _bad(path, "is not a GGUF file", "name a .gguf file")
    version = reader.number("I")
    if version not in (2, 3):
        raise _bad(path, f"is GGUF version {version}, and versions 2 and 3 are read")
    tensor_count, key_count = reader.number("Q"), reader.number("Q")
    if tensor_count > MAX_TENSORS or key_count > MAX_KEYS:
        raise _bad(path, f"claims {tensor_count} tensors and {key_count} keys")
    metadata, tokenizer, begin = _metadata(reader, key_count)
    metadata_sha256 = sha256(view[begin : reader.position]).hexdigest()
    tensors = _tensors(reader, tensor_count)
    alignment = metadata.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 8 <= alignment <= 1 << 20 or alignment & (alignment - 1):
        raise _bad(path, f"has the alignment {alignment!r}")
    data_offset = -(-reader.position // alignment) * alignment
    _check_places(tensors, size - data_offset, alignment, path)
    return Header(version, metadata, tensors, data_offset, metadata_sha256, tokenizer)


class _Reader:
    def __init__(self, view: mmap.mmap | bytes, size: int, path: Path) -> None:
        self._view, self._size, self.path = view, min(size, len(view)), path
        self.position = 0

    def take(self, count: int) -> bytes:
        end = self.position + count
        if end > self._size:
            raise _bad(self.path, SHORT, "it is truncated: fetch it again")
        data = self._view[self.position : end]
        self.position = end
        return data

    def number(self, code: str) -> Any:
        return struct.unpack("<" + code, self.take(struct.calcsize("<" + code)))[0]

    def string(self, limit: int = MAX_STRING) -> str:
        length = self.number("Q")
        if length > limit:
            raise _bad(self.path, f"holds a string of {length} bytes")
        try:
            return self.take(length).decode()
        except UnicodeDecodeError:
            raise _bad(self.path, "holds a string that is not UTF-8") from None

    def skip_strings(self, count: int) -> None:
        """Step over an array of strings without making them; a vocabulary has hundreds of thousands."""
        view, position, size = self._view, self.position, self._size
        unpack = struct.Struct("<Q").unpack_from
        for _ in range(count):
            if position + 8 > size:
                raise _bad(self.path, SHORT, "it is truncated: fetch it again")
            position += 8 + unpack(view, position)[0]
        if position > size:
            raise _bad(self.path, SHORT, "it is truncated: fetch it again")
        self.position = position


def _metadata(reader: _Reader, count: int) -> tuple[dict[str, Any], str | None, int]:
    found: dict[str, Any] = {}
    tokenizer, any_tokenizer = sha256(), False
    begin = reader.position
    for _ in range(count):
        start = reader.position
        key = reader.string(MAX_NAME)
        if key in found:
            raise _bad(reader.path, f"has the key {key!r} twice")
        found[key] = _value(reader, reader.number("I"), 0)
        if key.startswith(_TOKENIZER) and key != "tokenizer.chat_template":
            any_tokenizer = True
            tokenizer.update(reader._view[start : reader.position])
    return found, tokenizer.hexdigest() if any_tokenizer else None, begin


def _value(reader: _Reader, kind: int, depth: int) -> Any:
    if kind in _SCALARS:
        return reader.number(_SCALARS[kind])
    if kind == _STRING:
        return reader.string()
    if kind != _ARRAY or depth:
        raise _bad(reader.path, f"holds a value of type {kind}")
    inner, count = reader.number("I"), reader.number("Q")
    if count > MAX_ARRAY:
        raise _bad(reader.path, f"holds an array of {count} values")
    if inner in _SCALARS:
        code = _SCALARS[inner]
        data = reader.take(struct.calcsize("<" + code) * count)
        return struct.unpack(f"<{count}{code}", data) if count <= 4096 else f"array of {count}"
    if inner == _STRING:
        reader.skip_strings(count)
        return f"array of {count} strings"
    raise _bad(reader.path, f"holds an array of type {inner}")


def _tensors(reader: _Reader, count: int) -> tuple[Tensor, ...]:
    found: dict[str, Tensor] = {}
    for _ in range(count):
        name, dims = reader.string(MAX_NAME), reader.number("I")
        if name in found:
            raise _bad(reader.path, f"has the tensor {name!r} twice")
        if not 1 <= dims <= MAX_DIMS:
            raise _bad(reader.path, f"gives the tensor {name!r} {dims} dimensions")
        shape = tuple(reader.number("Q") for _ in range(dims))
        kind, offset = reader.number("I"), reader.number("Q")
        if kind not in TYPES:
            raise _bad(reader.path, f"gives the tensor {name!r} the unknown type {kind}")
        type_name, block, block_bytes = TYPES[kind]
        elements = 1
        for size in shape:
            elements *= size
            if not size > 0 or elements > 1 << 50:
                raise _bad(reader.path, f"gives the tensor {name!r} the shape {shape}")
        if shape[0] % block:
            raise _bad(
                reader.path, f"gives the tensor {name!r} rows of {shape[0]}, and {type_name} has blocks of {block}"
            )
        found[name] = Tensor(name, shape, type_name, elements // block * block_bytes, offset)
    return tuple(found.values())


def _check_places(tensors: tuple[Tensor, ...], room: int, alignment: int, path: Path) -> None:
    end = 0
    for tensor in sorted(tensors, key=lambda t: t.offset):
        if tensor.offset % alignment:
            raise _bad(path, f"places the tensor {tensor.name!r} at {tensor.offset}, off its alignment")
        if tensor.offset < end:
            raise _bad(path, f"lets the tensor {tensor.name!r} overlap another")
        end = tensor.offset + tensor.n_bytes
    if end > room:
        raise _bad(path, f"lacks {end - room} bytes of its tensors", "it is truncated: fetch it again")


def _bad(path: Path, what: str, fix: str = "fetch it again or take another file") -> BadInput:
    return BadInput(what, where=str(path), fix=fix)
