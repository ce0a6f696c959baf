"""How a log's key became another: each announcement, in a tree that the key before had signed."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass

from harness.registry.db import checkpoints
from harness.registry.db.reader import Reader
from harness.registry.facts import RegistryFact
from harness.registry.rules.base import public
from harness.tlog import merkle, proof
from harness.tlog.checkpoint import vkey


@dataclass(frozen=True, slots=True)
class KeyChange:
    """`leaf`, `event`: the entry that announced the key `after`, and its event's envelope, base64.

    `proof`: a C2SP tlog-proof of it with a checkpoint of the key `before`; "" where none is here.
    """

    before: str  # verifier keys
    after: str
    leaf: str
    event: str
    proof: str


@dataclass(frozen=True, slots=True)
class Present:
    """The key in force, and the announcement of the next one, if there is one."""

    origin: str
    key: str  # hexadecimal
    vkey: str
    next_key_sha256: str | None
    announced: int | None  # entry


def present(reader: Reader) -> Present:
    """As the log has it now."""
    registry = reader.need(RegistryFact)
    own = _vkey(registry.origin, registry.key)
    return Present(registry.origin, registry.key, own, registry.next_key_sha256, registry.announced)


def changes(reader: Reader) -> list[KeyChange]:
    """All of them, the oldest first."""
    registry = reader.need(RegistryFact)
    later = [*(one.key for one in registry.earlier), registry.key][1:]
    return [
        _change(reader, registry.origin, one.key, key, one.announced, one.until)
        for one, key in zip(registry.earlier, later, strict=True)
    ]


def _change(reader: Reader, origin: str, before: str, after: str, announced: int, until: int) -> KeyChange:
    line = reader.entry(announced)
    data = None if line is None else reader.body(line.envelope_sha256)
    signed = max(((size, note) for size, note in _between(reader, announced, until)), default=None)
    text = ""
    if signed is not None:
        size, note = signed
        hashes = tuple(merkle.inclusion_proof(announced, size, reader.node))
        text = proof.write(proof.Proof(announced, hashes, note)).decode()
    leaf = b"" if line is None else line.payload()
    return KeyChange(_vkey(origin, before), _vkey(origin, after), _base64(leaf), _base64(data or b""), text)


def _between(reader: Reader, announced: int, until: int) -> Iterator[tuple[int, bytes]]:
    for size, note in checkpoints.notes(reader):
        if announced < size <= until:
            yield size, note


def _vkey(origin: str, key: str) -> str:
    return vkey(origin, next(iter(public(key).values())))


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
