"""What a device note beside a record says, where the record names it."""

from __future__ import annotations

from harness.record import envelope, private
from harness.record.statement import subject_sha256
from harness.registry.intake.ingest import Submission


def named(data: bytes, where: str) -> str:
    """The sha256 of the device note that the record in this envelope names; "" for none. Raises `RecordInvalid`."""
    return subject_sha256(envelope.read(data, where).payload, private.FILE, where)


def ids(found: Submission, note: bytes | None) -> tuple[str, ...]:
    """What the note beside a record says, if that record names it. Raises `BadInput` for a missing or another one."""
    return private.ids_of(note, found.note_sha256, f"{found.id[:12]}, {private.FILE}")
