"""`repro operator`: who measures, and what editors say of them."""

from __future__ import annotations

import click

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
    from harness.terminal.registry_option import open_for_reading

    with open_for_reading(target).reading() as reader:
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
    from harness.terminal.registry_option import as_editor, open_for_writing

    made = operators.untie(open_for_writing(target), as_editor(), handle, other, reason)
    console = out()
    console.print(f"{handle} and {other}: no longer tied, entry {made.entry}", markup=False)
    if made.still_one:
        console.print("they still count as one person: a machine or another tie connects them", markup=False)


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
