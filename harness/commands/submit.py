"""`repro submit`, `repro withdraw`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.commands.hub_option import hub_option
from harness.record.places import keys_folder


@click.command(help="Put a signed record into a hub's queue.")
@click.argument("record", type=click.Path(path_type=Path))
@hub_option
@click.option(
    "--reproduces", default="", metavar="ROW", help="The row that it reproduces; default: the one of the same triple."
)
@click.option("--request", "request", default="", metavar="ID", help="The request that it answers.")
@click.option(
    "--idempotency-key", "idempotency", default="", help="The same key with another record is refused; default: its id."
)
@click.option("--dry-run", is_flag=True, help="Print exactly what would leave this machine, and send nothing.")
def submit(record: Path, target: str | None, reproduces: str, request: str, idempotency: str, dry_run: bool) -> None:
    """Everything that the hub would check is checked here first."""
    from harness.commands.console import err, out, print_json
    from harness.commands.hub_option import as_operator, open_for_writing
    from harness.hub import acts, machines
    from harness.hub.requests import id_of
    from harness.record import private

    found = _submission(record)
    device_ids = private.read(record if record.is_dir() else record.parent)
    if dry_run:
        print_json(_leaving(found) | {"device_ids_for_the_hub_alone": list(device_ids)})
        return
    actor = as_operator()
    hub = open_for_writing(target)
    with hub.reading() as reader:
        wish = acts.Wish(row=reproduces, idempotency=idempotency, request=id_of(reader, request) if request else "")
    join(hub, actor)
    taken = acts.submit(hub, actor, found, wish)
    machines.note(hub, found.measured.measurement.rig, device_ids)
    if taken is None:
        err().print("the hub has it already; nothing was sent", markup=False)
        return
    row = taken.event.detail["row"]
    console = out()
    console.print(
        f"{found.id}\nqueued as entry {taken.entry.index}: nothing is public before an editor approves it", markup=False
    )
    if row == found.id:
        console.print("it opens a row of its own", markup=False)
    else:
        from harness.commands.falls import print_fall

        print_fall(console, hub, found, row)


@click.command(help="Take a record of yours back; the log keeps that it was there.")
@click.argument("record")
@hub_option
@click.option("--reason", default="", help="Why; public.")
def withdraw(record: str, target: str | None, reason: str) -> None:
    """By the beginning of its id."""
    from harness.commands.console import out
    from harness.commands.hub_option import as_operator, open_for_writing
    from harness.hub import acts

    hub = open_for_writing(target)
    with hub.reading() as reader:
        identity = reader.id_of(record)
    taken = acts.act(hub, as_operator(), "record-withdrawn", identity, reason=reason)
    out().print(f"{identity}\nwithdrawn, entry {taken.entry.index}", markup=False)


def _submission(path: Path) -> Any:
    from harness.errors import BadInput
    from harness.hub.ingest import recomputed
    from harness.record.store import read

    stored = read(path)
    data = stored.envelope()
    if data is None:
        raise BadInput("is not signed", where=str(path), fix="run: repro keys new, and measure again")
    return recomputed(data, stored.samples(), str(path))


def join(hub: Any, actor: Any) -> None:
    """A handle joins with its first submission."""
    from harness.hub import acts
    from harness.record import keys

    public = keys.public(keys_folder())
    if public is not None:
        acts.join(hub, actor, public.operator_key, public.next_key_sha256)


def _leaving(found: Any) -> dict[str, Any]:
    """The record as it is published, what its samples hold, and what the event that submits it says beside."""
    from harness.hub.event import KINDS
    from harness.record.samples import schema

    return {
        "record": found.record.model_dump(mode="json"),
        "envelope_bytes": len(found.envelope),
        "samples_bytes": len(found.samples),
        "samples_columns": list(schema().names),
        "event": {
            "by": found.claims.handle,
            "fields": ["kind", "hub", "by", "at", "subject", "after", "head", *KINDS["record-submitted"]],
            "first_submission_adds": ["operator-joined", *KINDS["operator-joined"]],
        },
    }
