"""`repro submit`, `repro withdraw`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from harness.paths import keys_folder
from harness.terminal.registry_option import registry_option


@click.command()
@click.argument("record", type=click.Path(path_type=Path))
@registry_option
@click.option(
    "--reproduces", default="", metavar="ROW", help="Row that the record reproduces; default: the row of its subject."
)
@click.option("--request", "request", default="", metavar="ID", help="Request that the record fulfils.")
@click.option(
    "--idempotency-key",
    "idempotency",
    default="",
    help="Refuse this key for any other record; default: the record's id.",
)
@click.option("--dry-run", is_flag=True, help="Print exactly what would be sent, and send nothing.")
def submit(record: Path, target: str | None, reproduces: str, request: str, idempotency: str, dry_run: bool) -> None:
    """The record waits in the queue until editors decide. All that the registry checks is checked here first."""
    from harness.errors import BadInput
    from harness.record import private
    from harness.registry.actions import acts
    from harness.registry.db import device_digests
    from harness.registry.intake import device_notes
    from harness.registry.queries import submissions
    from harness.registry.queries.requests import id_of
    from harness.terminal.console import err, out, print_json
    from harness.terminal.registry_option import as_operator, open_for_writing

    found = _submission(record)
    note = private.read(record if record.is_dir() else record.parent)
    device_ids = device_notes.ids(found, note)  # before anything is sent: a note that its record names must be there
    if dry_run:
        print_json(_leaving(found) | {"device_ids_for_the_registry_alone": list(device_ids)})
        return
    actor = as_operator()
    registry = open_for_writing(target)
    with registry.reading() as reader:
        known = submissions.of(reader, found.id)
        if known is not None and known.operator == actor.handle:
            submissions.still_open(known)
            device_digests.note(registry, found, note)  # the last try may have ended in between
            err().print(f"the registry has it already, {known.words}; nothing was sent", markup=False)
            return
        wish = acts.Wish(row=reproduces, idempotency=idempotency, request=id_of(reader, request) if request else "")
    taken = acts.submit(registry, actor, found, wish, introduced(registry, actor))
    if taken is None:
        raise BadInput(
            "was submitted at the same time by somebody else", where=found.id[:12], fix="see: repro submissions"
        )
    device_digests.note(registry, found, note)
    row = taken.event.detail["row"]
    console = out()
    console.print(
        f"{found.id}\nqueued as entry {taken.entry.index}: nothing is public before an editor approves it", markup=False
    )
    if row == found.id:
        console.print("it opens a row of its own", markup=False)
    else:
        from harness.terminal.preview import print_fall

        print_fall(console, registry, found, row)


@click.command()
@click.argument("record")
@registry_option
@click.option("--reason", default="", help="Why; public in the log for ever. Required.")
@click.option("--yes", is_flag=True, help="Withdraw without asking.")
def withdraw(record: str, target: str | None, reason: str, yes: bool) -> None:
    """RECORD is the beginning of its id. This cannot be undone: the registry never accepts the same record again, and the log
    keeps that it was submitted.
    """
    from harness.errors import BadInput
    from harness.registry.actions import acts
    from harness.registry.queries import submissions
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_operator, open_for_writing

    registry, actor = open_for_writing(target), as_operator()
    with registry.reading() as reader:
        identity = reader.id_of(record)
        known = submissions.of(reader, identity)
    if known is None or known.operator != actor.handle:
        raise BadInput("is somebody else's record", where=identity[:12], fix="withdraw your own: repro submissions")
    if known.status == "withdrawn":
        raise BadInput(f"is {known.words} already", where=identity[:12], fix="there is nothing to do")
    if not reason.strip():
        raise BadInput("a withdrawal needs a reason", where="--reason", fix="add --reason TEXT; it is public")
    if not yes and sys.stdin.isatty():
        others = f", with the {known.others} others of its row" if known.others else ""
        if not click.confirm(f"Withdraw {identity[:12]} ({known.words}) for ever{others}?", err=True):
            raise click.Abort
    taken = acts.act(registry, actor, "record-withdrawn", identity, reason=reason)
    out().print(f"{identity}\nwithdrawn, entry {taken.entry.index}", markup=False)


def _submission(path: Path) -> Any:
    from harness.errors import BadInput
    from harness.record.store import read
    from harness.registry.intake.ingest import recomputed

    stored = read(path)
    data = stored.envelope()
    if data is None:
        raise BadInput("is not signed", where=str(path), fix=how_to_sign(path))
    return recomputed(data, stored.samples(), str(path))


def how_to_sign(path: Path) -> str:
    """The commands that sign a record, for this user."""
    from harness.record import keys

    sign = f"run: repro sign {path}"
    return sign if keys.public(keys_folder()) else f"run: repro keys new --handle NAME, then {sign[5:]}"


def introduced(registry: Any, actor: Any) -> list[Any]:
    """The events that make the handle known to the registry, with its first act there; none where it is known."""
    from harness.record import editor_keys as roles
    from harness.registry.actions import introduction
    from harness.registry.facts import EditorsFact, OperatorFact
    from harness.terminal.keys import chain, editor_keys

    with registry.reading() as reader:
        editors = reader.need(EditorsFact).editors
        known = reader.get(OperatorFact, actor.handle)
        editor = None
        if known is None and actor.handle in editors and roles.public(keys_folder()) is not None:
            editor = editor_keys().key
        return introduction.introduced(reader, actor.handle, chain(), editor)


def _leaving(found: Any) -> dict[str, Any]:
    """The record as it is published, what its samples hold, and what the event that submits it says beside."""
    from harness.record.samples import schema
    from harness.tlog.event import KINDS

    return {
        "record": found.record.model_dump(mode="json"),
        "envelope_bytes": len(found.envelope),
        "samples_bytes": len(found.samples),
        "samples_columns": list(schema().names),
        "event": {
            "by": found.claims.handle,
            "fields": ["kind", "registry", "by", "at", "subject", "after", "head", *KINDS["record-submitted"]],
            "first_submission_adds": ["operator-joined", *KINDS["operator-joined"]],
        },
    }
