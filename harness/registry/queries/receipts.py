"""Receipts: that an entry is in the log, as its submitter keeps it."""

from __future__ import annotations

from dataclasses import dataclass

from harness.errors import NotFound
from harness.registry.db import checkpoints
from harness.registry.db.reader import Reader
from harness.registry.facts import RegistryFact
from harness.registry.rules.base import public
from harness.tlog import merkle, proof
from harness.tlog.checkpoint import vkey


@dataclass(frozen=True, slots=True)
class Receipt:
    """Small enough to keep beside a record. `proof` is a C2SP tlog-proof, `leaf` the entry's own bytes."""

    registry: str
    registry_key: str  # as C2SP writes it, name+hash+key
    entry: int
    event_sha256: str
    leaf: bytes
    proof: bytes


def receipt(reader: Reader, index: int) -> Receipt | None:
    """Of the entry, below the newest checkpoint; None where that is older. Raises `NotFound`: no such entry."""
    line = reader.entry(index)
    if line is None:
        raise NotFound("there is no such entry", where=str(index), fix="see: repro registry log")
    size, note = checkpoints.newest_size(reader), reader.checkpoint()
    if note is None or size <= index:
        return None
    registry = reader.need(RegistryFact)
    hashes = tuple(merkle.inclusion_proof(index, size, reader.node))
    made = proof.write(proof.Proof(index, hashes, note))
    key = vkey(registry.origin, next(iter(public(registry.key).values())))
    return Receipt(registry.origin, key, index, line.event_sha256, line.payload(), made)
