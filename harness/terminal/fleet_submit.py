"""A fleet's records to a registry, one after the other: what is there already stays, what is refused stops nobody."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import BadInput, Unavailable
from harness.terminal.console import err, out

if TYPE_CHECKING:
    from harness.record.store import Stored
    from harness.registry.actions.acts import Actor
    from harness.registry.store import Registry


def submit_all(records: Iterable[Stored], registry: Registry, actor: Actor) -> int:
    """A line a record; 0 where the registry has all of them, else 3. Raises `Unavailable` where it no longer answers."""
    whole = True
    for stored in records:
        try:
            told = _submitted(stored, registry, actor)
        except Unavailable:
            raise
        except BadInput as error:
            whole = False
            err().print(f"{stored.path.parent}: not sent: {error}", markup=False, soft_wrap=True)
        else:
            out().print(f"{stored.path.parent}: {told}", markup=False, soft_wrap=True)
    return 0 if whole else 3


def _submitted(stored: Stored, registry: Registry, actor: Actor) -> str:
    """What became of it, as `repro submit` would send it."""
    from harness.terminal.keys import introduced

    folder, data = stored.path.parent, stored.envelope()
    if data is None:
        raise BadInput("is not signed", where=stored.id[:12], fix="run: repro keys new, then start the fleet again")
    if stored.record.failure is not None:
        from harness.registry.actions import failures
        from harness.registry.intake.failures import checked

        failed = checked(data, stored.samples(), str(folder))
        entry = failures.send(registry, actor, failed, first=introduced(registry, actor))
        return _told(registry, stored.id, folder, entry)
    from harness.record import private
    from harness.registry.actions.acts import Wish
    from harness.registry.actions.submissions import already, send
    from harness.registry.intake import device_notes
    from harness.registry.intake.ingest import recomputed

    found, note = recomputed(data, stored.samples(), str(folder)), private.read(folder)
    device_notes.ids(found, note)
    if already(registry, actor, found, note) is not None:
        return _told(registry, stored.id, folder, None)
    return _told(
        registry, stored.id, folder, send(registry, actor, found, note, Wish(), introduced(registry, actor)).entry
    )


def _told(registry: Registry, record: str, folder: Path, entry: int | None) -> str:
    from harness.terminal.remote import tell_receipt

    if entry is None:
        return "the registry has it already"
    tell_receipt(registry, record, folder)
    return f"queued as entry {entry}"
