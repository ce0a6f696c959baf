"""That an entry is in a log, for who was not there: its place, the path to a root, the checkpoint that signs that root. Pure.

The text is C2SP's tlog-proof, base64 as an encoder writes it, so that a proof has one form only:

    c2sp.org/tlog-proof@v1
    index 73894
    gSKyXoYZUgZ6jduWYrkDOARinOMGJveXjgMkBTcdPlQ=

    example.org/registry
    109482
    sFodV/vSp5O8n9a8QpW6PRY97tfOSW5bsc2Xl/EQi08=

    — example.org/registry hI2DJw…
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from harness.errors import RecordInvalid
from harness.tlog import checkpoint, merkle
from harness.tlog.checkpoint import Checkpoint

HEADER = "c2sp.org/tlog-proof@v1"
LIMIT = 1 << 20
_INDEX = re.compile(r"index (0|[1-9][0-9]{0,15})")
_LONGEST = 63  # hashes of a path: a log has fewer than 2^63 entries


@dataclass(frozen=True, slots=True)
class Proof:
    """Of the entry `index`: the hashes beside its path, its neighbour first, and a signed note."""

    index: int
    hashes: tuple[bytes, ...]
    checkpoint: bytes


def write(proof: Proof) -> bytes:
    """The text."""
    hashes = "".join(f"{base64.b64encode(one).decode()}\n" for one in proof.hashes)
    return f"{HEADER}\nindex {proof.index}\n{hashes}\n".encode() + proof.checkpoint


def read(data: bytes, where: str) -> Proof:
    """The proof in the text, not checked yet. Raises `RecordInvalid`; extra data, which nothing signs, is refused."""
    if len(data) > LIMIT:
        raise RecordInvalid(f"has {len(data)} bytes, the limit is {LIMIT}", where=where)
    head, separator, note = data.partition(b"\n\n")
    try:
        first, index, *rest = head.decode("ascii").split("\n")
        match = _INDEX.fullmatch(index)
        if first != HEADER or match is None or not separator or len(rest) > _LONGEST:
            raise ValueError(f"it must begin with {HEADER} and an index")
        hashes = tuple(_hash(one) for one in rest)
    except ValueError as error:
        raise RecordInvalid(
            f"is not a proof ({error})", where=where, fix="it is damaged; ask the registry for another"
        ) from error
    return Proof(int(match[1]), hashes, note)


def check(proof: Proof, payload: bytes, keys: Mapping[str, Ed25519PublicKey], where: str) -> Checkpoint:
    """The signed tree that holds the entry with this payload at its place. `keys`: origin → key. Raises `RecordInvalid`."""
    tree = checkpoint.read(proof.checkpoint, keys, where)
    leaf = merkle.leaf_hash(payload)
    if not merkle.verify_inclusion(leaf, proof.index, tree.size, proof.hashes, tree.root):
        raise RecordInvalid(
            f"does not lead from entry {proof.index} to the root that the registry signed",
            where=where,
            fix="trust neither before you know why; ask the registry for another proof",
        )
    return tree


def _hash(text: str) -> bytes:
    found = checkpoint.decoded(text)
    if found is None or len(found) != merkle.HASH_SIZE:
        raise ValueError("a hash must be 32 bytes in base64")
    return found
