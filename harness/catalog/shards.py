"""A GGUF in several files, as llama-gguf-split writes them: found, checked, and read as one header."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from harness.catalog import gguf, plain_file
from harness.errors import BadInput

_NAME = re.compile(r"(.+)-(\d{5})-of-(\d{5})\.gguf", re.IGNORECASE)
MAX_SHARDS = 1024
_AGAIN = "fetch the model again"


class Shard(NamedTuple):
    """What the name of a file says: the model's stem, which of the files it is (from 1), and of how many."""

    stem: str
    number: int
    of: int


def shard_of(name: str) -> Shard | None:
    """None for a file that is whole by its name."""
    match = _NAME.fullmatch(name)
    return None if match is None else Shard(match[1], int(match[2]), int(match[3]))


def names(first: str) -> list[str]:
    """The names of all files of a model, from that of its first; of a whole file its own. Raises `BadInput`."""
    match = _NAME.fullmatch(first.rpartition("/")[2])
    if match is None:
        return [first]
    number, of = int(match[2]), int(match[3])
    if not 1 <= number <= of <= MAX_SHARDS:
        raise BadInput(f"must be one of 1 to {MAX_SHARDS} shards", where=first, fix=_AGAIN)
    found = [_numbered(first, match, one) for one in range(1, of + 1)]
    if number != 1:
        raise BadInput(f"is shard {number} of {of}", where=first, fix=f"name the first: {found[0]}")
    return found


def files(path: Path) -> list[Path]:
    """All files of the model, from its first. Raises `BadInput` where one is missing."""
    found = [path.with_name(name) for name in names(path.name)]
    for number, shard in enumerate(found, 1):
        if not shard.exists():
            raise BadInput(f"shard {number} of {len(found)} is missing", where=str(shard), fix=_AGAIN)
        plain_file.need_file(shard)
    return found


def firsts(names_of_files: Iterable[str]) -> list[str]:
    """One name a model: of shards the first, also where others are all there is; sorted."""
    found = set()
    for name in names_of_files:
        match = _NAME.fullmatch(name.rpartition("/")[2])
        found.add(name if match is None else _numbered(name, match, 1))
    return sorted(found)


def _numbered(name: str, match: re.Match[str], number: int) -> str:
    """The same with another shard's number, in whatever folder it is; `match`: of its last part."""
    start = len(name) - len(match.string) + match.start(2)
    return f"{name[:start]}{number:05d}{name[start + 5 :]}"


def title(path: Path) -> str:
    """The model's name from its file's: without the extension, and of shards without their number."""
    shard = shard_of(path.name)
    if shard is not None:
        return shard.stem
    return path.stem if path.suffix.lower() == ".gguf" else path.name


def header(path: Path) -> gguf.Header:
    """The header of a file, or of the first shard with the tensors of all. Raises `BadInput` where they don't match."""
    parts = files(path)
    return joined(path, parts, [gguf.read(part) for part in parts])


def joined(path: Path, parts: Sequence[Path], found: Sequence[gguf.Header]) -> gguf.Header:
    """As `header`, from the headers of all parts in order. Raises `BadInput` where they don't match."""
    counts = {one.number("split.count") or 1 for one in found}
    if len(parts) == 1 and counts != {1} and shard_of(path.name) is None:
        fix = "give the shards the names that llama-gguf-split gave them: NAME-00001-of-00003.gguf"
        raise BadInput("is one of several shards, and its name does not say which", where=str(path), fix=fix)
    if counts != {len(parts)}:
        raise BadInput(
            f"must be {len(parts)} shards by name, and its header says {min(counts)}", where=str(path), fix=_AGAIN
        )
    if len(parts) == 1:
        return found[0]
    for number, (part, one) in enumerate(zip(parts, found, strict=True)):
        if one.number("split.no") != number:
            raise BadInput(f"must be shard {number + 1}, its header says another", where=str(part), fix=_AGAIN)
    return replace(found[0], tensors=_all(parts, found))


def _all(parts: Sequence[Path], found: Sequence[gguf.Header]) -> tuple[gguf.Tensor, ...]:
    tensors: dict[str, gguf.Tensor] = {}
    for part, one in zip(parts, found, strict=True):
        for tensor in one.tensors:
            if tensor.name in tensors:
                raise BadInput(f"holds the tensor {tensor.name!r} of another shard", where=str(part), fix=_AGAIN)
            tensors[tensor.name] = tensor
    told = found[0].number("split.tensors.count")
    if told is not None and told != len(tensors):
        raise BadInput(f"its shards hold {len(tensors)} tensors and must hold {told}", where=str(parts[0]), fix=_AGAIN)
    return tuple(tensors.values())
