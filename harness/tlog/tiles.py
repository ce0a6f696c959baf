"""A log as static files: the C2SP tlog-tiles layout, written from a tree and read back as one. Pure: paths and bytes only.

A tile is 256 hashes wide and eight levels high; those of level L are the hashes of whole tiles at level L - 1. The right-most
tile of a level may be partial, and is named by its width. A bundle holds the entries below a tile of level 0.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from harness.errors import BadInput, RecordInvalid
from harness.tlog.merkle import HASH_SIZE, Node, Tree

HEIGHT = 8
WIDTH = 1 << HEIGHT
ENTRY_LIMIT = 0xFFFF  # its length is written in 16 bits
_PATH = re.compile(
    r"tile/(?P<level>entries|[0-9]{1,2})/(?P<number>(?:x[0-9]{3}/){0,5}[0-9]{3})(?:\.p/(?P<width>[1-9][0-9]{0,2}))?",
    re.ASCII,
)

Lookup = Callable[[str], bytes]  # path → that file's bytes; raises what it likes where there is none


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Where the hashes of a tile lie; `level` counts tiles, not tree levels."""
    return f"tile/{level}/{_number(index)}{_partial(width)}"


def bundle_path(index: int, width: int = WIDTH) -> str:
    """Where the entries below tile `index` of level 0 lie."""
    return f"tile/entries/{_number(index)}{_partial(width)}"


@dataclass(frozen=True, slots=True)
class Tile:
    """What a path names: `width` hashes of a level of tiles, or entries where `level` is None, from place `index * WIDTH` on."""

    level: int | None
    index: int
    width: int

    @property
    def path(self) -> str:
        """Where it lies."""
        if self.level is None:
            return bundle_path(self.index, self.width)
        return tile_path(self.level, self.index, self.width)

    @property
    def full(self) -> bool:
        """Whether it never changes."""
        return self.width == WIDTH


def parse_path(path: str) -> Tile | None:
    """What the path names; None for any that the layout does not have."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    index = int("".join(part.lstrip("x") for part in match["number"].split("/")))
    level = None if match["level"] == "entries" else int(match["level"])
    found = Tile(level, index, int(match["width"] or WIDTH))
    return found if found.path == path else None


def layout(size: int) -> Iterator[Tile]:
    """Every file of a tree of that size, in the order of `tiles`."""
    level = 0
    while count := size >> (HEIGHT * level):
        yield from (Tile(level, index, width) for index, width in _pieces(count))
        level += 1
    yield from (Tile(None, index, width) for index, width in _pieces(size))


def tiles(size: int, node: Node, entry: Callable[[int], bytes]) -> Iterator[tuple[str, bytes]]:
    """Every file (path, bytes) of a tree of that size: tiles from level 0 up, then bundles. An empty tree has none.

    Raises `BadInput` for a negative size or an entry that is too long.
    """
    if size < 0:
        raise BadInput(f"a tree can't have {size} leaves", where="tiles")
    level = 0
    while count := size >> (HEIGHT * level):
        for index, width in _pieces(count):
            first = index * WIDTH
            hashes = (node(HEIGHT * level, place) for place in range(first, first + width))
            yield tile_path(level, index, width), b"".join(hashes)
        level += 1
    for index, width in _pieces(size):
        first = index * WIDTH
        yield bundle_path(index, width), bundle(entry(place) for place in range(first, first + width))


def read_node(size: int, tile: Lookup) -> Node:
    """The complete subtrees of a log of `size` entries, from its tiles. Serves proofs for every smaller tree too.

    A tile proves nothing by itself: check what comes of it against a signed root. Raises `RecordInvalid` for a tile of the wrong
    length; the node raises `BadInput` beyond the tree.
    """

    @lru_cache(maxsize=64)  # a proof asks the same few tiles several times
    def subtree(level: int, index: int) -> Tree:
        width = min(WIDTH, (size >> (HEIGHT * level)) - index * WIDTH)
        path = tile_path(level, index, width)
        data = tile(path)
        if len(data) != HASH_SIZE * width:
            raise RecordInvalid(f"has {len(data)} bytes, not {width} hashes", where=path, fix="fetch it again")
        return Tree(data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE))

    def node(level: int, index: int) -> bytes:
        if level < 0 or index < 0 or (index + 1) << level > size:
            raise BadInput(f"a tree of {size} leaves has no node {index} at level {level}", where="tiles")
        row, height = divmod(level, HEIGHT)
        number, place = divmod(index, WIDTH >> height)
        return subtree(row, number).node(height, place)

    return node


def bundle(entries: Iterable[bytes]) -> bytes:
    """Entries, each after its length in two bytes, big-endian. Raises `BadInput` for one above 65,535 bytes."""
    parts = []
    for entry in entries:
        if len(entry) > ENTRY_LIMIT:
            raise BadInput(f"an entry of {len(entry)} bytes is above the limit of {ENTRY_LIMIT}", where="tiles")
        parts += [len(entry).to_bytes(2, "big"), entry]
    return b"".join(parts)


def read_bundle(data: bytes, width: int, where: str) -> list[bytes]:
    """The `width` entries of a bundle. Raises `RecordInvalid` when it ends early, or holds more or fewer."""
    found, at = [], 0
    while at < len(data):
        begin = at + 2
        at = begin + int.from_bytes(data[at:begin], "big")
        found.append(data[begin:at])
    if at != len(data) or len(found) != width:
        raise RecordInvalid(f"is not a bundle of {width} entries", where=where, fix="fetch it again")
    return found


def _pieces(count: int) -> Iterator[tuple[int, int]]:
    """(index, width) of the tiles that hold `count` hashes."""
    for index in range(count // WIDTH):
        yield index, WIDTH
    if count % WIDTH:
        yield count // WIDTH, count % WIDTH


def _number(index: int) -> str:
    """1234067 → x001/x234/067: no path is both a file and a folder."""
    parts = [f"{index % 1000:03}"]
    while index := index // 1000:
        parts.append(f"x{index % 1000:03}")
    return "/".join(reversed(parts))


def _partial(width: int) -> str:
    return "" if width == WIDTH else f".p/{width}"
