"""The log's lines and the nodes of its tree, many at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from sqlalchemy import select

from harness.registry.db import tables
from harness.registry.db.reader import Reader, chunks, raw, unlike, whole

_entry, _node = tables.entries.c, tables.nodes.c


class Node(NamedTuple):
    """A hash of the Merkle tree, where the table has it."""

    level: int
    place: int  # in its level
    hash: bytes


def lines_at(reader: Reader, indices: Iterable[int]) -> Iterator[tuple[int, bytes]]:
    """These lines, each with its index."""
    for some in chunks(indices):
        wanted = select(_entry.idx, _entry.payload).where(_entry.idx.in_(some))
        for index, payload in reader.connection.execute(wanted):
            yield whole(index, "entries"), raw(payload, f"entry {index}")


def lines(reader: Reader, first: int, count: int) -> list[bytes]:
    """So many lines from the first on, in order; fewer where the table lacks some."""
    wanted = select(_entry.payload).where(_entry.idx >= first, _entry.idx < first + count).order_by(_entry.idx)
    return [raw(one, f"entries from {first}") for one in reader.connection.execute(wanted).scalars()]


def hashes(reader: Reader, level: int, first: int, count: int) -> list[bytes]:
    """So many nodes of a level, in order; fewer where the table lacks some."""
    wanted = select(_node.hash).where(_node.level == level, _node.idx >= first, _node.idx < first + count)
    return [raw(one, f"tree, level {level}") for one in reader.connection.execute(wanted.order_by(_node.idx)).scalars()]


def nodes(reader: Reader) -> Iterator[Node]:
    """All of the table, whatever stands there, for an audit."""
    for level, index, value in reader.connection.execute(select(_node.level, _node.idx, _node.hash)):
        if type(level) is type(index) is int:
            yield Node(level, index, unlike(value))
