"""Logs of other tools beside a row: shown, never counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from harness.record.canonical import canonical
from harness.registry.actions.acts import Actor, event, utc
from harness.registry.db.transaction import Item
from harness.registry.facts import EvidenceFact
from harness.registry.queries import rows
from harness.registry.store import Registry


@dataclass(frozen=True, slots=True)
class Cited:
    """How many measurements of a log came beside which row."""

    row: str
    new: int
    known: int  # that were there already


def cite(
    registry: Registry, actor: Actor, row: str, log: bytes, payloads: Sequence[dict[str, Any]], reason: str
) -> Cited:
    """Put what was read from `log` (`intake.external.as_payload` of each) beside the row that begins so: all of it, or nothing.

    Raises why it may not be.
    """
    items: dict[str, Item] = {}
    with registry.reading() as reader:
        whole = rows.row_of(reader, row)
        for payload in payloads:
            subject = sha256(canonical([whole, payload])).hexdigest()
            if reader.get(EvidenceFact, subject) is None:
                detail = {"row": whole, "source_sha256": sha256(log).hexdigest(), "evidence": payload}
                made = event(reader, actor, "evidence-imported", subject, reason=reason, detail=detail)
                items[subject] = Item(made.signed(actor.keys).to_bytes())
    if items:
        registry.append_all(list(items.values()), utc())
    return Cited(whole, len(items), len(payloads) - len(items))
