"""`repro operator`: who measures, and what editors say of them."""

from __future__ import annotations

from pathlib import Path

import click

from harness.terminal.proposal_option import proposal_option
from harness.terminal.registry_option import registry_option


@click.group()
def operator() -> None:
    """An operator is who measures: a handle, which is a pseudonym, with keys."""


@operator.command(name="list")
@registry_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_operators(target: str | None, as_json: bool) -> None:
    """List the operators of a registry, with their records."""
    from rich.table import Table

    from harness.registry.queries.operators import listing
    from harness.terminal.console import escape, out, print_json
    from harness.terminal.registry_option import open_public

    with open_public(target).reading() as reader:
        found = listing(reader)
    if as_json:
        print_json(found)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("operator", "verified owner", "accepted", "pending", "other", "rigs"):
        table.add_column(name, justify="left" if name in ("operator", "verified owner") else "right")
    for one in found:
        table.add_row(
            escape(one["handle"]),
            escape(one["why"]) if one["verified"] else "–",
            *(str(one[name]) for name in ("accepted", "pending", "other", "rigs")),
        )
    out().print(table)


@operator.command()
@click.argument("handle")
@click.option("--reason", required=True, help="What you have seen; public in the log.")
@registry_option
def verify(handle: str, reason: str, target: str | None) -> None:
    """Confirm as an editor that an operator owns the hardware."""
    from harness.registry.actions import operators
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    entry = operators.verify(open_for_writing(target), as_editor(), handle, reason)
    out().print(f"{handle}: verified, entry {entry}", markup=False)


@operator.command()
@click.argument("handle")
@click.option("--reason", required=True, help="Why; public in the log.")
@registry_option
def unverify(handle: str, reason: str, target: str | None) -> None:
    """Undo `operator verify`, as an editor."""
    from harness.registry.actions import operators
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    entry = operators.unverify(open_for_writing(target), as_editor(), handle, reason)
    out().print(f"{handle}: unverified, entry {entry}", markup=False)


@operator.command()
@click.argument("handle")
@click.argument("other")
@click.option("--reason", required=True, help="What shows it; public in the log.")
@registry_option
def tie(handle: str, other: str, reason: str, target: str | None) -> None:
    """Record as an editor that two handles are one person.

    From then on their records count as one person's, as when both ran on one machine.
    """
    from harness.registry.actions import operators
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    entry = operators.tie(open_for_writing(target), as_editor(), handle, other, reason)
    out().print(f"{handle} and {other}: one person, entry {entry}", markup=False)


@operator.command()
@click.argument("handle")
@click.argument("other")
@click.option("--reason", required=True, help="What shows it; public in the log.")
@registry_option
def untie(handle: str, other: str, reason: str, target: str | None) -> None:
    """Undo `operator tie`, as an editor.

    The two still count as one person when both used one machine.
    """
    from harness.registry.actions import operators
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing, open_public

    entry = operators.untie(open_for_writing(target), as_editor(), handle, other, reason)
    console = out()
    console.print(f"{handle} and {other}: no longer tied, entry {entry}", markup=False)
    if operators.one_person(open_public(target), handle, other):
        console.print("they still count as one person: a machine or another tie connects them", markup=False)


@operator.command()
@click.argument("handle")
@registry_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def limits(handle: str, target: str | None, as_json: bool) -> None:
    """Show how much an operator may send to a service."""
    from dataclasses import asdict

    from harness import units
    from harness.registry.actions.acts import utc
    from harness.registry.queries.limits import in_force
    from harness.terminal.console import out, print_json
    from harness.terminal.registry_option import open_for_editors

    with open_for_editors(target).reading() as reader:
        found = in_force(reader, handle, utc()[:10])
    if as_json:
        print_json(asdict(found))
        return
    raised = f"raised until {found.until} by {found.by}: {found.why}" if found.raised else "as for everybody"
    numbers = f"{units.count(found.events_per_hour, 'event')} an hour, {found.events_per_day} a day"
    waiting = units.count(found.pending_records, "record that waits", "records that wait")
    out().print(f"{handle}: {numbers}, {waiting}; {raised}", markup=False)


@operator.command(name="raise-limits")
@click.argument("handle")
@click.option("--per-hour", type=click.IntRange(60, 10_000), default=60, show_default=True, help="Events an hour.")
@click.option("--per-day", type=click.IntRange(200, 100_000), default=200, show_default=True, help="Events a day.")
@click.option(
    "--pending", type=click.IntRange(5, 10_000), default=5, show_default=True, help="Records that may wait at first."
)
@click.option("--until", required=True, metavar="YYYY-MM-DD", help="Last day; a year from now at most.")
@click.option("--reason", required=True, help="Why; public in the log.")
@registry_option
def raise_limits(
    handle: str, per_hour: int, per_day: int, pending: int, until: str, reason: str, target: str | None
) -> None:
    """Let an operator send more to a service, as an editor."""
    from harness.registry.actions import operators
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    wanted = operators.Limits(per_hour, per_day, pending, until)
    entry = operators.raise_limits(open_for_writing(target), as_editor(), handle, wanted, reason)
    out().print(f"{handle}: limits raised until {until}, entry {entry}", markup=False)


@operator.command(name="end-limits")
@click.argument("handle")
@click.option("--reason", required=True, help="Why; public in the log.")
@registry_option
def end_limits(handle: str, reason: str, target: str | None) -> None:
    """Undo `operator raise-limits`, as an editor."""
    from harness.registry.actions import operators
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    entry = operators.end_limits(open_for_writing(target), as_editor(), handle, reason)
    out().print(f"{handle}: limits as for everybody, entry {entry}", markup=False)


@operator.command()
@registry_option
def rotate(target: str | None) -> None:
    """Tell a registry about your new key (after keys rotate).

    Each new key signs for itself; the key before announced its digest.
    """
    from harness.registry.actions import operators
    from harness.terminal.console import out
    from harness.terminal.keys import chain, operator_keys
    from harness.terminal.registry_option import open_for_writing

    handle = operator_keys().public.handle
    links, registry = chain(), open_for_writing(target)
    entry = operators.rotate(registry, handle, links)
    out().print(f"{handle}: the new key holds from entry {entry}", markup=False)


@operator.command()
@click.argument("key")
@click.option(
    "--from",
    "from_index",
    type=click.IntRange(0),
    required=True,
    metavar="ENTRY",
    help="First entry of the log that the revocation covers.",
)
@click.option("--reason", required=True, help="Why; public in the log.")
@click.option("--as-editor", "editorial", is_flag=True, help="Revoke another operator's key, as an editor.")
@registry_option
def revoke(key: str, from_index: int, reason: str, editorial: bool, target: str | None) -> None:
    """Revoke a key; what it signed from an entry on is void.

    KEY is the beginning of the key as `repro keys show` prints it, or of its id (the sha256 of its 32 bytes).
    """
    from harness.registry.actions import operators
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, as_operator, open_for_writing

    actor = as_editor() if editorial else as_operator()
    entry = operators.revoke(open_for_writing(target), actor, key, from_index, reason, editorial=editorial)
    out().print(f"revoked from entry {from_index} on, entry {entry}", markup=False)


@operator.command()
@click.argument("key")
@click.option("--reason", required=True, help="What shows that it was a mistake; public in the log.")
@proposal_option
@registry_option
def unrevoke(key: str, reason: str, file: Path | None, target: str | None) -> None:
    """Undo `operator revoke`, as editors.

    As many must sign as the list demands. The key may act again, and its records count as before, but for a
    row's own record whose place another took.
    """
    from harness.files import write_bytes
    from harness.registry.actions import editors, operators
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    opened, actor = open_for_writing(target), as_editor()
    if file is not None:
        whole = operators.whole_key(opened, key)
        write_bytes(file, editors.propose(opened, actor, operators.UNREVOKED, whole, {}, reason))
        out().print(f"{file}: signed by {actor.handle}", markup=False)
        return
    entry = operators.unrevoke(opened, actor, key, reason)
    out().print(f"no longer revoked, entry {entry}", markup=False)
