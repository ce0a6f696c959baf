"""A fleet's records to a registry, one after the other: what is there already stays, what is refused stops nobody."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import BadInput, Unavailable
from harness.terminal.console import err, out, print_json

if TYPE_CHECKING:
    from harness.record.store import Stored
    from harness.registry.actions.acts import Actor
    from harness.registry.store import Registry


def submit_all(
    records: Mapping[int, Stored], spoilt: Mapping[int, str], registry: Registry, actor: Actor, *, as_json: bool
) -> int:
    """A line a record, by the numbers of their jobs; 0 where the registry has all of them, else 3.

    `spoilt`: why a job's node was unfit after its run, "" where it was not: such a record stays here, as an agent's does.
    Raises `Unavailable` where the registry no longer answers.
    """
    told = []
    for number, stored in records.items():
        line: dict[str, str | int | None] = {
            "record": stored.id,
            "folder": str(stored.path.parent),
            "entry": None,
            "refused": "",
        }
        try:
            if why := spoilt.get(number):
                what = f"its node failed its checks after the run: {why}"
                raise BadInput(what, fix="measure it again: repro fleet resume MATRIX --retry-failed")
            line["entry"] = _submitted(stored, registry, actor)
        except Unavailable:
            raise
        except BadInput as error:
            line["refused"] = str(error)
        told.append(line)
        if line["refused"]:
            err().print(f"{line['folder']}: not sent: {line['refused']}", markup=False, soft_wrap=True)
        elif not as_json:
            queued = "the registry has it already" if line["entry"] is None else f"queued as entry {line['entry']}"
            out().print(f"{line['folder']}: {queued}", markup=False, soft_wrap=True)
    if as_json:
        print_json({"records": told})
    return 3 if any(line["refused"] for line in told) else 0


def _submitted(stored: Stored, registry: Registry, actor: Actor) -> int | None:
    """Its entry, sent as `repro submit` would; None where the registry has it already."""
    from harness.terminal.keys import introduced

    folder, data = stored.path.parent, stored.envelope()
    if data is None:
        raise BadInput("is not signed", where=stored.id[:12], fix="run: repro keys new, then start the fleet again")
    if stored.record.failure is not None:
        from harness.registry.actions import failures
        from harness.registry.intake.failures import checked

        failed = checked(data, stored.samples(), str(folder))
        entry = failures.send(registry, actor, failed, first=introduced(registry, actor))
        return _received(registry, stored.id, folder, entry)
    from harness.record import private
    from harness.registry.actions.acts import Wish
    from harness.registry.actions.submissions import already, send
    from harness.registry.intake import device_notes
    from harness.registry.intake.ingest import recomputed

    found, note = recomputed(data, stored.samples(), str(folder)), private.read(folder)
    device_notes.ids(found, note)
    if already(registry, actor, found, note) is not None:
        return None
    entry = send(registry, actor, found, note, Wish(), introduced(registry, actor)).entry
    return _received(registry, stored.id, folder, entry)


def _received(registry: Registry, record: str, folder: Path, entry: int | None) -> int | None:
    from harness.terminal.remote import tell_receipt

    if entry is not None:
        tell_receipt(registry, record, folder)
    return entry
