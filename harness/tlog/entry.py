"""One line of the log: an event's digest, when the registry took it, and the digest of the line before. Pure.

A line holds digests only: a body can be dropped for the sake of privacy, and the proof stays.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

from harness.errors import LogInconsistent, RecordInvalid
from harness.record.canonical import canonical, parse
from harness.tlog.event import HEX, is_time

ENTRY_TYPE = "urn:repro-harness:entry:v1"


@dataclass(frozen=True, slots=True)
class Entry:
    """A leaf of the Merkle tree is the `payload` of one of these."""

    index: int
    previous: str  # sha256 of the entry before; "" for the first
    at: str  # UTC, the registry's clock; never before the entry before it
    event_sha256: str  # of the event's payload
    envelope_sha256: str  # of the envelope's bytes, its signatures included

    def payload(self) -> bytes:
        """Canonical bytes."""
        return _payload(self)

    def digest(self) -> str:
        """What the next entry names."""
        return sha256(self.payload()).hexdigest()


@lru_cache(maxsize=1024)  # leaf of the tree, line of the store, link of the next: each asks for the same bytes
def _payload(line: Entry) -> bytes:
    return canonical({"_type": ENTRY_TYPE} | {name: getattr(line, name) for name in Entry.__slots__})


def read(payload: bytes, where: str) -> Entry:
    """The entry in the bytes. Raises `RecordInvalid`."""
    value = parse(payload, where)
    if not isinstance(value, dict) or value.get("_type") != ENTRY_TYPE or set(value) != {"_type", *Entry.__slots__}:
        raise RecordInvalid("is not an entry of a log", where=where)
    found = Entry(**{name: value[name] for name in Entry.__slots__})
    good = isinstance(found.index, int) and not isinstance(found.index, bool) and found.index >= 0
    for text in (found.event_sha256, found.envelope_sha256):
        good = good and isinstance(text, str) and HEX.fullmatch(text) is not None
    good = good and isinstance(found.at, str) and is_time(found.at)
    good = good and isinstance(found.previous, str) and (found.index == 0) == (found.previous == "")
    if not good or (found.previous and HEX.fullmatch(found.previous) is None):
        raise RecordInvalid("has a field of the wrong type", where=where)
    return found


def follows(entry: Entry, before: Entry | None, where: str) -> None:
    """Raises `LogInconsistent` unless `entry` is the next line after `before`."""
    index, previous = (0, "") if before is None else (before.index + 1, before.digest())
    if entry.index != index:
        raise LogInconsistent(
            f"is entry {entry.index} where {index} belongs", where=where, fix="the log was cut or reordered"
        )
    if entry.previous != previous:
        raise LogInconsistent(
            f"entry {index} does not follow the one before it", where=where, fix="the log was edited before this entry"
        )
    if before is not None and entry.at < before.at:
        raise LogInconsistent(f"entry {index} is older than the one before it", where=where)
