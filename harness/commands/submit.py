"""`repro submit`, `repro withdraw`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.paths import keys_folder
from harness.terminal.registry_option import registry_option

if TYPE_CHECKING:
    from harness.registry.intake.ingest import Submission


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
@click.option(
    "--dry-run", is_flag=True, help="Print exactly what would be sent, what is withheld and why, and send nothing."
)
def submit(record: Path, target: str | None, reproduces: str, request: str, idempotency: str, dry_run: bool) -> None:
    """The record waits in the queue until editors decide. All that the registry checks is checked here first."""
    from harness.record import private
    from harness.record.store import read
    from harness.registry.actions.acts import Wish
    from harness.registry.actions.submissions import already, send
    from harness.registry.intake import device_notes
    from harness.terminal.console import err, print_json
    from harness.terminal.keys import introduced
    from harness.terminal.registry_option import as_operator, open_for_writing
    from harness.terminal.submissions import leaving, print_sent, tell_suite

    if read(record).record.failure is not None:
        return _submit_failure(record, target, reproduces, request, idempotency, dry_run=dry_run)
    found = _submission(record)
    note = private.read(folder := record if record.is_dir() else record.parent)
    device_ids = device_notes.ids(found, note)  # before anything is sent: a note that its record names must be there
    note = note if device_ids else None  # the record does not name it
    if dry_run:
        return print_json(leaving(folder, found, device_ids))
    actor, registry = as_operator(), open_for_writing(target)
    if (known := already(registry, actor, found, note)) is not None:
        return err().print(f"the registry has it already, {known.words}; nothing was sent", markup=False)
    tell_suite(request, folder)
    wish = Wish(row=reproduces, idempotency=idempotency, request=request)
    return print_sent(registry, found, send(registry, actor, found, note, wish, introduced(registry, actor)), folder)


def _submit_failure(
    record: Path, target: str | None, reproduces: str, request: str, idempotency: str, *, dry_run: bool
) -> None:
    """The record of a run that failed: it joins no row and answers no request."""
    from harness.errors import BadInput
    from harness.record.store import read
    from harness.registry.actions import failures
    from harness.registry.intake.failures import checked
    from harness.terminal.console import err, out, print_json
    from harness.terminal.keys import introduced
    from harness.terminal.registry_option import as_operator, open_for_writing
    from harness.terminal.remote import tell_receipt
    from harness.terminal.withheld import withheld

    for name, value in (("--reproduces", reproduces), ("--request", request)):
        if value:
            raise BadInput("is of a run that failed: it reproduces and answers nothing", where=name, fix="leave it out")
    stored = read(record)
    data = stored.envelope()
    if data is None:
        raise BadInput("is not signed", where=str(record), fix=how_to_sign(record))
    found = checked(data, stored.samples(), str(record))
    if dry_run:
        print_json(
            {
                "record": stored.record.model_dump(mode="json"),
                "envelope_bytes": len(found.envelope),
                "withheld": withheld(stored.path.parent, stored.record),
            }
        )
        return
    actor = as_operator()
    registry = open_for_writing(target)
    entry = failures.send(registry, actor, found, idempotency, introduced(registry, actor))
    if entry is None:
        err().print("the registry has it already; nothing was sent", markup=False)
        return
    out().print(
        f"{found.id}\nqueued as entry {entry}: a run that failed; it is shown once editors approve it, and counts for no tier",
        markup=False,
    )
    tell_receipt(registry, found.id, record if record.is_dir() else record.parent)


@click.command()
@click.argument("record")
@registry_option
@click.option("--reason", default="", help="Why; public in the log for ever. Required.")
@click.option("--yes", is_flag=True, help="Withdraw without asking.")
def withdraw(record: str, target: str | None, reason: str, yes: bool) -> None:
    """RECORD is the beginning of its id. This cannot be undone: the registry never accepts the same record again, and the log
    keeps that it was submitted.
    """
    from harness.registry.actions import failures, submissions
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_operator, open_for_writing

    registry, actor = open_for_writing(target), as_operator()
    if failures.is_one(registry, record):
        failed = failures.withdraw(registry, actor, record, reason)
        out().print(f"{failed.record}\nwithdrawn, entry {failed.entry}", markup=False)
        return
    known = submissions.own_record(registry, actor, record, reason)
    if not yes and sys.stdin.isatty():
        others = f", with the {known.others} others of its row" if known.others else ""
        if not click.confirm(f"Withdraw {known.id[:12]} ({known.words}) for ever{others}?", err=True):
            raise click.Abort
    made = submissions.withdraw(registry, actor, known.id, reason)
    out().print(f"{made.record}\nwithdrawn, entry {made.entry}", markup=False)


def _submission(path: Path) -> Submission:
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
