"""The log as people read it: every act with its author and its reason."""

from __future__ import annotations

from typing import Any

from harness.record import envelope
from harness.registry.db.reader import Reader
from harness.tlog import event


def acts_of(reader: Reader, wanted: str | None = None, first: int = 0, end: int | None = None) -> list[dict[str, Any]]:
    """Of each entry its index, when it was taken, and its event's kind, author, subject, reason and detail.

    `wanted`: only those by a handle, or about what begins so; `first`, `end`: from that entry on, and before that one.

    Raises `RecordInvalid` for an event that can't be read.
    """
    found = []
    for index, line, data in reader.signed(first, end):
        if data is None:
            continue
        act = event.read(envelope.read(data, f"entry {index}").payload, f"entry {index}")
        if wanted and act.by != wanted and not act.subject.startswith(wanted):
            continue
        found.append(
            {
                "index": index,
                "at": line.at,
                "kind": act.kind,
                "by": act.by,
                "subject": act.subject,
                "reason": act.reason,
                "detail": dict(act.detail),
            }
        )
    return found
