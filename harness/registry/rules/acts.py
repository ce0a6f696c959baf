"""What the rules of records and of failed runs share: who may submit with which key, and what a decision must find."""

from __future__ import annotations

from dataclasses import replace
from typing import TypeVar

from harness.errors import Conflict
from harness.registry.facts import FailureFact, IdempotencyFact, KeyFact, RecordFact
from harness.registry.rules.base import Place, Signed, View, editor_of, file_key_id, known, refuse_unless
from harness.tiers.values import Status
from harness.tlog.event import Event

Submitted = TypeVar("Submitted", RecordFact, FailureFact)


def idempotency_of(event: Event, view: View) -> str:
    """The name of a submission's idempotency key, which must be new."""
    key = event.detail["idempotency"]
    refuse_unless(0 < len(key) <= 128 and key.isprintable(), "has no idempotency key", "submission")
    name = f"{event.by}/{key}"
    refuse_unless(
        view.get(IdempotencyFact, name) is None,
        "the same idempotency key came with another record",
        "submission",
        "take a new one",
    )
    return name


def submitting_key(event: Event, view: View) -> tuple[str, KeyFact | None]:
    """The key that signed a record, which may be older than the one that submits it: any of the handle that is not revoked."""
    key = file_key_id(event.detail["operator_key"])
    entry = view.get(KeyFact, key)
    refuse_unless(
        entry is not None and entry.owner == event.by,
        "is signed by another key than the registry knows for its handle",
        event.subject[:12],
        "it is somebody else's record, or its key was rotated out before the registry knew the handle",
    )
    refuse_unless(
        entry is not None and entry.revoked_from is None, "its key is revoked", event.subject[:12], "measure again"
    )
    return key, entry


def decided(
    kind: type[Submitted], event: Event, signed: Signed, place: Place, view: View, before: tuple[Status, ...]
) -> Submitted:
    """The fact that an editor's decision changes; it must be in one of the states `before`, and as its signer saw it."""
    editor_of(view, event, signed, place)
    fact = known(view, kind, event.subject)
    seen(event, fact)
    refuse_unless(
        fact.status in before,
        f"is {fact.status}",
        event.subject[:12],
        f"this decision is for records that are {' or '.join(before)}",
    )
    return replace(fact, changed=place.index)


def seen(event: Event, fact: RecordFact | FailureFact) -> None:
    """An act speaks of the record as its signer saw it: one that was put aside counts no more after another decision."""
    last = fact.index if fact.changed is None else fact.changed
    refuse_unless(
        event.after > last,
        f"was signed before what entry {last} says of it",
        event.subject[:12],
        "read it again, and sign again",
        Conflict,
    )
