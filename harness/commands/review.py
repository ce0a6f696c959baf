"""`repro review`: the editors' queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from harness.terminal.registry_option import registry_option

if TYPE_CHECKING:
    from harness.registry.store import Registry


@click.group(invoke_without_command=True)
@registry_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--all", "examine_all", is_flag=True, help="Examine every record, even of a long queue.")
@click.pass_context
def review(context: click.Context, target: str | None, as_json: bool, examine_all: bool) -> None:
    """Without a command, list the queue. A record is public once editors approve it; no editor can grant a state or a tier."""
    context.obj = target
    if context.invoked_subcommand is None:
        _list(target, as_json, examine_all)


def _list(target: str | None, as_json: bool, examine_all: bool) -> None:
    from harness.registry.queries.desk import listed
    from harness.terminal.console import print_json
    from harness.terminal.progress import shown
    from harness.terminal.registry_option import open_for_editors, say
    from harness.terminal.review import print_listed, queue_document, say_unnamed

    registry = open_for_editors(target)
    with shown(lines=False) as progress:
        found = listed(registry, examine_all=examine_all, progress=progress)
    say(found.queue.left_out)
    if as_json:
        print_json(queue_document(found))
    else:
        print_listed(found)
    say_unnamed(found)


@review.command()
@click.argument("record")
@registry_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.pass_context
def show(context: click.Context, record: str, target: str | None, as_json: bool) -> None:
    """Show what an editor needs to know about a record.

    Completeness, consistency, plausibility, similar records and rows, and its effect on its row.
    """
    from dataclasses import asdict

    from harness.registry.queries import failures
    from harness.registry.queries.desk import examined
    from harness.terminal.console import out, print_json
    from harness.terminal.registry_option import open_for_editors, say
    from harness.terminal.review import print_dossier

    found = examined(open_for_editors(target or context.obj), record)
    say(found.doubts)
    if found.failure is not None:
        if as_json:
            print_json(failures.plain(found.failure))
        else:
            out().print(f"{found.failure.status}  {failures.line(found.failure)}", markup=False, soft_wrap=True)
    elif found.dossier is not None:
        if as_json:
            print_json(asdict(found.dossier))
        else:
            print_dossier(out(), found.dossier)


def _decide(kind: str, record: str, target: str | None, reason: str) -> None:
    from harness.registry.actions.review import Decision, decide
    from harness.registry.queries.desk import is_failure
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    registry = open_for_writing(target)
    if is_failure(registry, record):
        _decide_failure(registry, kind, record, reason)
        return
    made = decide(registry, as_editor(), Decision(kind), record, reason)
    console = out()
    now = "bytes dropped" if made.dropped else made.status
    console.print(f"{made.record}\n{now}, entry {made.entry}", markup=False)
    if kind == "record-approved" and made.status == "pending":
        console.print(f"{made.approvals} of {made.needed} approvals", markup=False)


def _decide_failure(registry: Registry, kind: str, record: str, reason: str) -> None:
    from harness.errors import BadInput
    from harness.registry.actions import failures
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor

    kinds = {
        "record-approved": failures.Decision.APPROVE,
        "record-rejected": failures.Decision.REJECT,
        "body-dropped": failures.Decision.TAKE_DOWN,
    }
    if kind not in kinds:
        raise BadInput("is of a run that failed: it can't be sent back", where=record[:12], fix="approve or reject it")
    made = failures.decide(registry, as_editor(), kinds[kind], record, reason)
    now = "bytes dropped" if made.dropped else made.status
    out().print(f"{made.record}\n{now}, entry {made.entry}", markup=False)
    if made.status == "pending":
        out().print(f"{made.approvals} of {made.needed} approvals", markup=False)


def _decision(name: str, kind: str, text: str) -> None:
    @review.command(name=name, help=text)
    @click.argument("record")
    @click.option("--reason", required=True, help="Why; public in the log for ever.")
    @registry_option
    @click.pass_context
    def decide(context: click.Context, record: str, reason: str, target: str | None) -> None:
        _decide(kind, record, target or context.obj, reason)


@review.command()
@click.argument("record")
@click.option("--to", default="", metavar="ROW", help="Row to move it to; default: the row of its subject, or its own.")
@click.option("--reason", required=True, help="Why; public in the log for ever.")
@registry_option
@click.pass_context
def move(context: click.Context, record: str, to: str, reason: str, target: str | None) -> None:
    """Move a record out of a withdrawn or rejected row.

    It is pending again, for the editors to decide.
    """
    from harness.registry.actions.review import move as moved
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    registry = open_for_writing(target or context.obj)
    made = moved(registry, as_editor(), record, to, reason)
    place = "a row of its own" if made.row == made.record else f"row {made.row[:12]}"
    out().print(f"{made.record}\npending in {place}, entry {made.entry}", markup=False)


_decision("approve", "record-approved", "Approve a record; it is public once enough editors do.")
_decision("reject", "record-rejected", "Reject a record, also one that was approved.")
_decision("send-back", "record-sent-back", "Ask the operator for what the reason says.")
_decision("take-down", "body-dropped", "Delete the bytes of a rejected or withdrawn record.")
