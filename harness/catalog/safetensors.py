"""Reads and checks safetensors headers, and refuses model folders that could run code."""

from __future__ import annotations

import json
import struct
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from harness.catalog import plain_file
from harness.catalog.plain_file import MIB
from harness.errors import BadInput

MAX_HEADER = 100 << 20  # as the format's own library
# The bits of an element, of every type of safetensors 0.8.
BITS = {
    "F64": 64, "F32": 32, "F16": 16, "BF16": 16, "C64": 64, "I64": 64, "I32": 32, "I16": 16, "I8": 8, "U64": 64, "U32": 32,
    "U16": 16, "U8": 8, "BOOL": 8, "F8_E4M3": 8, "F8_E5M2": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "F6_E2M3": 6,
    "F6_E3M2": 6, "F4": 4,
}  # fmt: skip
TOKENIZER = "tokenizer.json"
# Of the largest models known: 91,000 tensors need an index of 9 MB, a vocabulary of 262,000 words a tokenizer.json of 33 MB.
JSON_LIMIT, INDEX_LIMIT, TOKENIZER_LIMIT, TEXT_LIMIT = 16 * MIB, 128 * MIB, 256 * MIB, 64 * MIB
MAX_ENTRIES = 10_000  # files and folders; a published model has some hundred
PICKLES = (".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib", ".npy", ".npz")


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor; offsets count from the start of the data."""

    name: str
    type: str
    shape: tuple[int, ...]
    n_bytes: int


@dataclass(frozen=True, slots=True)
class Header:
    """The checked header of one file."""

    tensors: tuple[Tensor, ...]
    metadata: dict[str, str]
    sha256: str


def read(path: Path) -> Header:
    """The checked header. Raises `BadInput` with what is wrong."""
    size = plain_file.need_file(path)
    try:
        with path.open("rb") as file:
            head = file.read(8)
            length = struct.unpack("<Q", head)[0] if len(head) == 8 else 0
            if not 2 <= length <= min(MAX_HEADER, size - 8):
                raise _bad(path, "is not a safetensors file, or is truncated")
            text = file.read(length)
    except OSError as error:
        raise BadInput(f"can't be read ({error.strerror})", where=str(path), fix="check the path") from error
    return parse(text, size - 8 - length, path)


def parse(text: bytes, room: int, path: Path) -> Header:
    """The checked header from its JSON, of a file with `room` bytes of data. Raises `BadInput`."""

    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) != len(pairs):
            raise _bad(path, "has a key twice in its header")
        return found

    try:
        data = json.loads(text, object_pairs_hook=once)
        metadata = data.pop("__metadata__", {})
        entries = sorted(((n, t["dtype"], t["shape"], t["data_offsets"]) for n, t in data.items()), key=lambda e: e[3])
        ok = all(isinstance(k, str) and isinstance(v, str) for k, v in metadata.items())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise _bad(path, f"has a header that can't be read ({error})") from error
    tensors, end = [], 0
    for name, dtype, shape, offsets in entries:
        whole = all(isinstance(one, list) for one in (shape, offsets)) and isinstance(dtype, str) and len(offsets) == 2
        if not whole or dtype not in BITS or not all(type(n) is int and n >= 0 for n in (*shape, *offsets)):
            raise _bad(path, f"describes the tensor {name!r} badly")
        n_bits = BITS[dtype]
        for count in shape:
            n_bits *= count
        n_bytes, odd = divmod(n_bits, 8)
        if odd or offsets[0] != end or offsets[1] - offsets[0] != n_bytes:
            raise _bad(path, f"places the tensor {name!r} wrongly")
        end = offsets[1]
        tensors.append(Tensor(name, dtype, tuple(shape), n_bytes))
    if end != room or not ok:
        raise _bad(path, f"holds {room} bytes of data and its header describes {end}")
    return Header(tuple(tensors), metadata, sha256(text).hexdigest())


INDEX = "model.safetensors.index.json"


def check_folder(folder: Path, *, to_run: bool = True) -> list[Path]:
    """The weight files that an engine would load from a model folder. Raises `BadInput` for anything that could run code when
    loaded, and for weights that can't be told or are elsewhere.

    Not `to_run`: no engine gets it, only headers and JSON are read. Then Python beside it, or named by it, does no harm.
    """
    refuse_code(folder, to_run=to_run)
    weights = _loaded(folder)
    for path in weights:
        read(path)
    return weights


def refuse_code(folder: Path, *, to_run: bool = True, weights: Collection[str] = ()) -> None:
    """Raises `BadInput` for anything below the folder that could run code when a model is loaded; see `check_folder`.

    `weights`: files of another format that are called as a pickle is, and are none.
    """
    for path in _entries(folder):
        what, suffix = plain_file.kind(path), path.suffix.lower()
        if what == "a folder" and not path.is_symlink():
            continue
        if what != "a file":
            what = "a link to a folder" if what == "a folder" else what
            raise BadInput(f"must be a file, this is {what}", where=str(path), fix="use a copy without it")
        if (suffix in PICKLES and path.relative_to(folder).as_posix() not in weights) or (suffix == ".py" and to_run):
            kind = "Python" if suffix == ".py" else "a pickle or array file"
            fix = "use a copy without it" if weights else "use a safetensors-only copy"
            raise BadInput(f"the folder holds {kind}: {path.name}", where=str(folder), fix=fix)
        plain_file.need_file(path, _limit(path))
        # tokenizer.json is data of the tokenizers library alone, and large.
        if suffix == ".json" and path.name != TOKENIZER and "auto_map" in _keys(path) and to_run:
            fix = "use a model without custom code; `repro fit` reads it all the same"
            raise BadInput("it names code to run (auto_map)", where=str(path), fix=fix)


def _entries(folder: Path) -> list[Path]:
    """Everything below the folder; links to folders are named and not followed."""
    found = list(islice(folder.rglob("*"), MAX_ENTRIES + 1))
    if len(found) > MAX_ENTRIES:
        fix = "name the folder of one model"
        raise BadInput(f"holds more than {MAX_ENTRIES} files", where=str(folder), fix=fix)
    return sorted(found)


def _limit(path: Path) -> int | None:
    """The most bytes that a file of a model may have; None for weights, which are only hashed."""
    if path.name == TOKENIZER:
        return TOKENIZER_LIMIT
    if path.name.endswith(".index.json"):
        return INDEX_LIMIT
    if path.suffix.lower() == ".json":
        return JSON_LIMIT
    return TEXT_LIMIT if path.suffix.lower() in (".jinja", ".txt", ".model") else None


def _loaded(folder: Path) -> list[Path]:
    """By the index where there is one, else the only file; names outside of the folder are refused."""
    found = sorted(folder.glob("*.safetensors"))
    if not (folder / INDEX).exists():
        if not found:
            raise BadInput(
                "no .safetensors file in it", where=str(folder), fix="name a GGUF file or a safetensors folder"
            )
        if len(found) > 1:
            raise BadInput(f"holds {len(found)} weight files and no {INDEX}", where=str(folder), fix="add the index")
        return found
    names = indexed(folder / INDEX)
    missing = names - {path.name for path in found}
    if missing or not names:
        name = min(map(str, missing), default="nothing")
        raise BadInput(
            f"names {name}, which is not a weight file of this folder",
            where=str(folder / INDEX),
            fix="fetch the folder again",
        )
    return [path for path in found if path.name in names]


def indexed(index: Path) -> set[str]:
    """The names of the weight files that an index lists. Raises `BadInput` where it can't be read."""
    try:
        return set(map(str, json.loads(index.read_text())["weight_map"].values()))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"can't be read ({error})", where=str(index), fix="fetch it again") from error


def _keys(path: Path) -> set[str]:
    """Every key of a JSON file, however deep it stands."""
    keys: set[str] = set()

    def note(pairs: list[tuple[str, Any]]) -> None:
        keys.update(key for key, _ in pairs)

    try:
        json.loads(path.read_bytes(), object_pairs_hook=note)
    except (ValueError, RecursionError):
        raise _bad(path, "is not JSON") from None
    return keys


def _bad(path: Path, what: str) -> BadInput:
    return BadInput(what, where=str(path), fix="fetch it again or take another file")
