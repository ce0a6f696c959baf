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


def _said(kind: str, handle: str, target: str | None, reason: str) -> None:
    from harness.registry.actions import acts
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    taken = acts.act(open_for_writing(target), as_editor(), kind, handle, reason=reason)
    out().print(f"{handle}: {kind.partition('-')[2]}, entry {taken.entry.index}", markup=False)


@operator.command()
@click.argument("handle")
@click.option("--reason", required=True, help="What you have seen; public in the log.")
@registry_option
def verify(handle: str, reason: str, target: str | None) -> None:
    """Confirm as an editor that an operator owns the hardware."""
    _said("operator-verified", handle, target, reason)


@operator.command()
@click.argument("handle")
@click.option("--reason", required=True, help="Why; public in the log.")
@registry_option
def unverify(handle: str, reason: str, target: str | None) -> None:
    """Undo `operator verify`, as an editor."""
    _said("operator-unverified", handle, target, reason)


@operator.command()
@click.argument("handle")
@click.argument("other")
@click.option("--reason", required=True, help="What shows it; public in the log.")
@registry_option
def tie(handle: str, other: str, reason: str, target: str | None) -> None:
    """Record as an editor that two handles are one person.

    From then on their records count as one person's, as when both ran on one machine.
    """
    from harness.registry.actions import acts
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    taken = acts.act(
        open_for_writing(target), as_editor(), "operators-tied", handle, reason=reason, detail={"other": other}
    )
    out().print(f"{handle} and {other}: one person, entry {taken.entry.index}", markup=False)


@operator.command()
@click.argument("handle")
@click.argument("other")
@click.option("--reason", required=True, help="What shows it; public in the log.")
@registry_option
def untie(handle: str, other: str, reason: str, target: str | None) -> None:
    """Undo `operator tie`, as an editor.

    The two still count as one person when both used one machine.
    """
    from harness.registry.actions import acts
    from harness.registry.queries import rows
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    registry = open_for_writing(target)
    taken = acts.act(registry, as_editor(), "operators-untied", handle, reason=reason, detail={"other": other})
    with registry.reading() as reader:
        people = rows.people(reader, [handle, other])
    console = out()
    console.print(f"{handle} and {other}: no longer tied, entry {taken.entry.index}", markup=False)
    if people.get(handle, handle) == people.get(other, other):
        console.print("they still count as one person: a machine or another tie connects them", markup=False)


@operator.command()
@registry_option
def rotate(target: str | None) -> None:
    """Tell a registry about your new key (after keys rotate).

    Each new key signs for itself; the key before announced its digest.
    """
    from harness.registry.actions.acts import utc
    from harness.registry.actions.introduction import rotations
    from harness.terminal.console import out
    from harness.terminal.keys import chain, operator_keys
    from harness.terminal.registry_option import open_for_writing

    handle = operator_keys().public.handle
    links, registry = chain(), open_for_writing(target)
    with registry.reading() as reader:
        items = rotations(reader, handle, links)
    taken = registry.append_all(items, utc())[-1]
    out().print(f"{handle}: the new key holds from entry {taken.entry.index}", markup=False)


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
    from harness.errors import BadInput
    from harness.record.keys import by_id
    from harness.registry.actions import acts
    from harness.registry.facts import OperatorFact
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, as_operator, open_for_writing

    actor = as_editor() if editorial else as_operator()
    registry = open_for_writing(target)
    with registry.reading() as reader:
        key = reader.key_of(key)
        own = reader.get(OperatorFact, actor.handle)
    if not editorial and own is not None and key in by_id(own.key):
        raise BadInput(
            "a key cannot revoke itself",
            where=key[:12],
            fix="rotate first: repro keys rotate, then repro operator rotate; or ask an editor",
        )
    taken = acts.act(registry, actor, "key-revoked", key, reason=reason, detail={"from_index": from_index})
    out().print(f"revoked from entry {from_index} on, entry {taken.entry.index}", markup=False)
