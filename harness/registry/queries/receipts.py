"""Receipts: that an entry is in the log, as its submitter keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import BadInput, NotFound, RecordInvalid
from harness.registry.db.reader import Reader
from harness.registry.facts import RecordFact, RegistryFact
from harness.registry.queries import failures
from harness.registry.rules.base import public
from harness.tlog import merkle, proof
from harness.tlog.checkpoint import vkey
from harness.tlog.entry import Entry


@dataclass(frozen=True, slots=True)
class Receipt:
    """Small enough to keep beside a record. `proof` is a C2SP tlog-proof, `leaf` the entry's own bytes."""

    registry: str
    registry_key: str  # as C2SP writes it, name+hash+key
    entry: int
    event_sha256: str
    leaf: bytes
    proof: bytes


def of_record(reader: Reader, prefix: str) -> tuple[Receipt, bytes]:
    """Of the event that brought the record whose id begins so, with that event's envelope.

    Raises `NotFound`: there is no such record; `BadInput`: no checkpoint covers the entry; `RecordInvalid`: the event is gone.
    """
    index = entry_of(reader, prefix)
    found = receipt(reader, index)
    if found is None:
        raise BadInput(
            f"no checkpoint covers entry {index} yet",
            where="registry",
            fix="where its key is: repro registry checkpoint",
        )
    line = reader.entry(index)
    data = None if line is None else reader.body(line.envelope_sha256)
    if data is None:
        raise RecordInvalid("its event is gone", where=f"entry {index}", fix="run: repro audit")
    return found, data


def entry_of(reader: Reader, prefix: str) -> int:
    """The entry of the submission of a record, or of a run that failed, whose id begins so. Raises `NotFound`, `BadInput`."""
    failed = failures.found(reader, prefix)
    if failed is not None:
        return failed.entry
    return reader.need(RecordFact, reader.id_of(prefix)).index


def receipt(reader: Reader, index: int) -> Receipt | None:
    """Of the entry, below the newest checkpoint; None where that is older. Raises `NotFound`: no such entry."""
    return receipts(reader, [index])[0]


def receipts(reader: Reader, indices: Sequence[int]) -> list[Receipt | None]:
    """As `receipt`, of several entries of one state: what their proofs share is read once."""
    return of_lines(reader, _lines(reader, indices))


def of_lines(reader: Reader, lines: Sequence[Entry]) -> list[Receipt | None]:
    """As `receipts`, of entries that were just read or made."""
    newest = reader.newest()
    if newest is None or not any(line.index < newest[0] for line in lines):
        return [None] * len(lines)
    size, note = newest
    registry = reader.need(RegistryFact)
    below = [line.index for line in lines if line.index < size]
    node = reader.nodes_for(lambda asked: [merkle.inclusion_proof(index, size, asked) for index in below])
    key = vkey(registry.origin, next(iter(public(registry.key_of(size)).values())))

    def made(line: Entry) -> Receipt | None:
        if line.index >= size:
            return None
        path = proof.write(proof.Proof(line.index, tuple(merkle.inclusion_proof(line.index, size, node)), note))
        return Receipt(registry.origin, key, line.index, line.event_sha256, line.payload(), path)

    return [made(line) for line in lines]


def _lines(reader: Reader, indices: Sequence[int]) -> list[Entry]:
    found = reader.lines(indices)
    for index in indices:
        if index not in found:
            raise NotFound("there is no such entry", where=str(index), fix="see: repro registry log")
    return [found[index] for index in indices]
