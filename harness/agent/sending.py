"""From a record's folder into a registry's queue, once: the record's id is what makes it the same again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from harness.errors import BadInput, one_line
from harness.record import private, store
from harness.registry.actions import failures, submissions
from harness.registry.actions.acts import Actor, Item, Wish
from harness.registry.intake import device_notes
from harness.registry.intake.failures import checked
from harness.registry.intake.ingest import recomputed
from harness.registry.remote.registry import Remote


def there(registry: Remote, actor: Actor, record: Path) -> str:
    """Its id where the registry has it from this operator; else "". Raises `BadInput` for one that it has and that is out."""
    stored = store.read(record)
    if stored.record.operator is None:
        return ""
    found = recomputed(_signed(stored), stored.samples(), str(record))
    known = submissions.already(registry, actor, found, private.read(stored.path.parent))
    return "" if known is None else found.id


def send(registry: Remote, actor: Actor, record: Path, request: str, first: Sequence[Item] = ()) -> str:
    """Its id, once it is in the queue for that request. Raises why it may not be; `Unavailable` where nobody answers."""
    stored = store.read(record)
    found = recomputed(_signed(stored), stored.samples(), str(record))
    note = private.read(stored.path.parent)
    device_notes.ids(found, note)
    submissions.send(registry, actor, found, note, Wish(request=request), first)
    registry.keep_receipt(found.id, stored.path.parent)
    return found.id


def send_failure(registry: Remote, actor: Actor, record: Path, first: Sequence[Item] = ()) -> str:
    """The record of a run in which the engine failed: it answers no request. Raises as `send`."""
    stored = store.read(record)
    found = checked(_signed(stored), stored.samples(), str(record))
    failures.send(registry, actor, found, first=first)
    return found.id


def _signed(stored: store.Stored) -> bytes:
    data = stored.envelope()
    if data is None:
        raise BadInput(
            one_line(f"{stored.path.parent.name} is not signed"), where="record", fix="a simulation never is"
        )
    return data
