"""`repro review`: the editors' queue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from harness.terminal.registry_option import registry_option

if TYPE_CHECKING:
    from harness.registry.queries.review import Dossier, Waiting


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
    from dataclasses import asdict

    from rich.table import Table

    from harness.errors import ReproError, one_line
    from harness.registry.queries.review import Waiting, dossier, first_examined, glance, queue, row_of
    from harness.terminal.console import escape, out, print_json, whole
    from harness.terminal.registry_option import open_for_reading, reading, say

    registry = open_for_reading(target)
    with registry.reading() as reader:
        waiting = queue(reader)
        homes = {row_of(reader, one) for one in waiting}
    with reading(registry, homes, keep=waiting) as (reader, left_out):
        say([one for one in left_out if one.record not in waiting])
        found: list[Dossier | Waiting] = []
        orphans: list[tuple[str, str]] = []
        examined = set(waiting) if examine_all else first_examined(reader, waiting)
        for identity in waiting:
            try:
                found.append(dossier(reader, identity) if identity in examined else glance(reader, identity))
            except ReproError as error:
                what = error.what if error.what.startswith("cannot") else f"cannot be examined: {error.what}"
                orphans.append((identity, one_line(what)))
    if as_json:
        told = [asdict(one) | ({"not_examined": True} if isinstance(one, Waiting) else {}) for one in found]
        print_json([*told, *({"id": identity, "cannot_be_examined": why} for identity, why in orphans)])
        return
    console = out()
    for identity, why in orphans:
        console.print(f"{identity[:12]} {why}", markup=False)
    if not found and not orphans:
        console.print("the queue is empty")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("record", "operator", "what", "row", "since", "to look at"):
        table.add_column(name)
    for one in found:
        if isinstance(one, Waiting):
            remarks = "not examined yet"
        else:
            remarks = ", ".join(dict.fromkeys(remark.kind for remark in one.remarks)) or "–"
        table.add_row(
            whole(console, one.id, 12),
            escape(one.operator),
            escape(one.title),
            escape(one.place),
            one.submitted[:10],
            escape(remarks),
        )
    console.print(table)
    unread = len(waiting) - len(examined)
    if unread:
        console.print(
            f"\n{unread} of {len(waiting)} were not examined: repro review show ID, or repro review --all", markup=False
        )
    console.print("\nrepro review show ID, then approve, reject or send-back ID --reason …", markup=False)


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

    from harness.registry.queries import believed
    from harness.registry.queries.review import dossier, row_of
    from harness.terminal.console import out, print_json
    from harness.terminal.registry_option import open_for_reading, say

    registry = open_for_reading(target or context.obj)
    with registry.reading() as reader:
        identity = reader.id_of(record)
        home = row_of(reader, identity)
    with believed.reading(registry, [home], keep=[identity]) as (reader, left_out):
        say([one for one in left_out if one.record != identity])
        found = dossier(reader, identity)
    if as_json:
        print_json(asdict(found))
        return
    _print(out(), found)


def _print(console: Any, found: Dossier) -> None:
    from harness.terminal.console import escape

    console.print(f"[bold]{escape(found.title)}[/]")
    for name, text in (
        ("record", found.id),
        ("operator", found.operator + (", verified owner" if found.verified else "")),
        ("status", found.status + (f": {found.why}" if found.why else "")),
        ("place", found.place),
        ("submitted", found.submitted),
        ("headline", found.headline),
        (
            "challenge",
            "began after the registry's single-use number"
            if found.challenged
            else "none: only the operator says when it ran",
        ),
        ("approvals", ", ".join(found.approvals) or "none"),
        ("effect", found.effect),
    ):
        console.print(f"  {name:12} {escape(text)}")
    for text in found.settings:
        console.print(f"  {'setting':12} {escape(text)}")
    for text in found.beside:
        console.print(f"  {'beside':12} {escape(text)} (shown, not counted)")
    console.print("[bold]To look at[/]")
    for remark in found.remarks:
        console.print(f"  {remark.kind:14} {escape(remark.text)}")
    if not found.remarks:
        console.print("  nothing: it is complete, consistent and plausible, and similar to no other")
    if found.similar:
        console.print("[bold]Similar rows[/]")
        for text in found.similar:
            console.print(f"  {escape(text)}")


def _decide(kind: str, record: str, target: str | None, reason: str) -> None:
    from harness.registry.actions import acts
    from harness.registry.facts import PolicyFact, RecordFact
    from harness.registry.queries.review import held
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    registry = open_for_writing(target)
    with registry.reading() as reader:
        identity = reader.id_of(record)
        if kind == "record-approved":
            held(reader, identity)
    taken = acts.act(registry, as_editor(), kind, identity, reason=reason)
    with registry.reading() as reader:
        fact, policy = reader.need(RecordFact, identity), reader.need(PolicyFact)
    console = out()
    now = "bytes dropped" if kind == "body-dropped" else fact.status.value
    console.print(f"{identity}\n{now}, entry {taken.entry.index}", markup=False)
    if kind == "record-approved" and fact.status == "pending":
        console.print(f"{len(fact.approvals)} of {policy.approvals} approvals", markup=False)


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
    from harness.registry.actions import acts
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    registry = open_for_writing(target or context.obj)
    with registry.reading() as reader:
        identity = reader.id_of(record)
        row = reader.id_of(to) if to else reader.home_of(identity) or identity
    taken = acts.act(registry, as_editor(), "record-moved", identity, reason=reason, detail={"row": row})
    place = "a row of its own" if row == identity else f"row {row[:12]}"
    out().print(f"{identity}\npending in {place}, entry {taken.entry.index}", markup=False)


_decision("approve", "record-approved", "Approve a record; it is public once enough editors do.")
_decision("reject", "record-rejected", "Reject a record, also one that was approved.")
_decision("send-back", "record-sent-back", "Ask the operator for what the reason says.")
_decision("take-down", "body-dropped", "Delete the bytes of a rejected or withdrawn record.")
