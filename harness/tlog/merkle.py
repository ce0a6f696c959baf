"""The log's Merkle tree: roots, proofs that a leaf is in it and that it only grew, and their checks. Pure.

Hashes are those of RFC 6962 (section 2.1), checks those of RFC 9162 (2.1.3.2 and 2.1.4.2). A tree is known by the hashes of
its complete subtrees: once made they never change, so a database, a folder of tiles or a list can answer for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from hashlib import sha256

from harness.errors import BadInput

Node = Callable[[int, int], bytes]
"""(level, index) → hash of the complete subtree over the leaves [index << level, (index + 1) << level)."""

Range = tuple[int, int]  # of leaves, the end excluded

HASH_SIZE = 32
EMPTY_ROOT = sha256(b"").digest()


def leaf_hash(data: bytes) -> bytes:
    """The hash of an entry."""
    return sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of two subtrees; another first byte than a leaf's, so that neither passes for the other."""
    return sha256(b"\x01" + left + right).digest()


def appended(size: int, leaf: bytes, node: Node) -> list[tuple[int, int, bytes]]:
    """The complete nodes (level, index, hash) that leaf number `size` brings, from level 0 up. `leaf` is its hash, `node` answers
    for what was there before. Raises `BadInput` for a negative size.
    """
    _check_size(size)
    level, index, found = 0, size, leaf
    made = [(level, index, found)]
    while index & 1:
        found = node_hash(node(level, index - 1), found)
        level, index = level + 1, index >> 1
        made.append((level, index, found))
    return made


def root(size: int, node: Node) -> bytes:
    """The root over the first `size` leaves. Raises `BadInput` for a negative size."""
    _check_size(size)
    return _hash((0, size), node)


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """PATH(index, D[size]) of RFC 6962, 2.1.1, the leaf's neighbour first. Raises `BadInput` where there is no such leaf."""
    if not 0 <= index < size:
        raise BadInput(f"a tree of {size} leaves has no leaf {index}", where="inclusion proof")
    return [_hash(aside, node) for aside, _ in _descent(index, size)][::-1]


def consistency_proof(old: int, size: int, node: Node) -> list[bytes]:
    """PROOF(old, D[size]) of RFC 6962, 2.1.2; empty from nothing, and from the tree to itself. Raises `BadInput` for
    an older tree that is larger.
    """
    if not 0 <= old <= size:
        raise BadInput(f"a tree of {size} leaves never had {old}", where="consistency proof")
    if old == 0:
        return []
    begin, end = 0, size
    descent = _descent(old - 1, size)
    proof = []
    while end != old:
        aside, (begin, end) = next(descent)
        proof.append(_hash(aside, node))
    if begin:  # else it is the old root itself, which the other side has
        proof.append(_hash((begin, end), node))
    return proof[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether the proof leads from the leaf's hash, at that index of a tree of that size, to the root.

    Neighbouring sizes can share a path: what binds size and root together is the checkpoint that signs both.
    """
    if not 0 <= index < size or not _are_hashes(leaf, root, *proof):
        return False
    first, last, found = index, size - 1, leaf
    for step in proof:
        if last == 0:
            return False
        if first & 1 or first == last:
            found = node_hash(step, found)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            found = node_hash(found, step)
        first, last = first >> 1, last >> 1
    return last == 0 and found == root


def verify_consistency(old: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the proof shows that the tree of `size` leaves begins with the tree of `old` leaves.

    Every tree begins with the empty one, whose root is `EMPTY_ROOT` and nothing else.
    """
    if not 0 <= old <= size or not _are_hashes(old_root, root, *proof):
        return False
    if old == 0 and old_root != EMPTY_ROOT:
        return False
    if old in (0, size):
        return not proof and (old < size or old_root == root)
    if not proof:
        return False
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    first, last = old - 1, size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    before = after = path[0]
    for step in path[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            before, after = node_hash(step, before), node_hash(step, after)
            while first and not first & 1:
                first, last = first >> 1, last >> 1
        else:
            after = node_hash(after, step)
        first, last = first >> 1, last >> 1
    return last == 0 and before == old_root and after == root


class Tree:
    """The complete nodes by level, in memory: 1 GiB holds some 6 million leaves."""

    __slots__ = ("_levels",)

    def __init__(self, leaves: Iterable[bytes] = ()) -> None:
        self._levels: list[list[bytes]] = [[]]
        self.extend(leaves)

    @property
    def size(self) -> int:
        """How many leaves it has."""
        return len(self._levels[0])

    def append(self, leaf: bytes) -> None:
        """Add a leaf by its hash."""
        for level, _, found in appended(self.size, leaf, self.node):
            if level == len(self._levels):
                self._levels.append([])
            self._levels[level].append(found)

    def extend(self, leaves: Iterable[bytes]) -> None:
        """Add leaves by their hashes, level by level: faster than one at a time."""
        below = self._levels[0]
        below.extend(leaves)
        for level in range(1, len(below).bit_length()):
            if level == len(self._levels):
                self._levels.append([])
            above = self._levels[level]
            begin, end = 2 * len(above), len(below) & ~1
            pairs = zip(below[begin:end:2], below[begin + 1 : end : 2], strict=True)
            above.extend([sha256(b"\x01" + left + right).digest() for left, right in pairs])
            below = above

    def node(self, level: int, index: int) -> bytes:
        """A `Node`. Raises `BadInput` where the tree has no complete subtree."""
        if not 0 <= level < len(self._levels) or not 0 <= index < len(self._levels[level]):
            raise BadInput(f"a tree of {self.size} leaves has no node {index} at level {level}", where="tree")
        return self._levels[level][index]

    def root(self) -> bytes:
        """Over all leaves."""
        return root(self.size, self.node)


def _hash(leaves: Range, node: Node) -> bytes:
    """MTH(D[begin:end]), where `begin` is a multiple of a power of two no smaller than the range, as in the RFC's splits."""
    begin, end = leaves
    found = None
    while begin < end:
        level = ((end - begin) & (begin - end)).bit_length() - 1  # of the right-most complete subtree
        left = node(level, (end >> level) - 1)
        found = left if found is None else node_hash(left, found)
        end -= 1 << level
    return EMPTY_ROOT if found is None else found


def _descent(leaf: int, size: int) -> Iterator[tuple[Range, Range]]:
    """From the root down to a leaf: the half that is left aside, and the half that holds the leaf."""
    begin, end = 0, size
    while end - begin > 1:
        middle = begin + (
            1 << ((end - begin - 1).bit_length() - 1)
        )  # the largest power of two below the range's length
        if leaf < middle:
            aside, (begin, end) = (middle, end), (begin, middle)
        else:
            aside, (begin, end) = (begin, middle), (middle, end)
        yield aside, (begin, end)


def _are_hashes(*values: bytes) -> bool:
    return all(len(value) == HASH_SIZE for value in values)


def _check_size(size: int) -> None:
    if size < 0:
        raise BadInput(f"a tree can't have {size} leaves", where="tree")
