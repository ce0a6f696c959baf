"""`repro operator`: who measures, and what editors say of them."""

from __future__ import annotations

import click

from harness.terminal.registry_option import registry_option


@click.group(help="List operators, verify and tie them, rotate and revoke keys.")
def operator() -> None:
    """Handles are pseudonyms."""


@operator.command(name="list", help="Every handle of a registry.")
@registry_option
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def list_operators(target: str | None, as_json: bool) -> None:
    """With records by status, and whether it is verified."""
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


@operator.command(help="Say as an editor that you have seen that the operator owns the hardware.")
@click.argument("handle")
@click.option("--reason", required=True, help="What you have seen; public.")
@registry_option
def verify(handle: str, reason: str, target: str | None) -> None:
    """Signed, in the log."""
    _said("operator-verified", handle, target, reason)


@operator.command(help="Take that back.")
@click.argument("handle")
@click.option("--reason", required=True, help="Why; public.")
@registry_option
def unverify(handle: str, reason: str, target: str | None) -> None:
    """Signed, in the log."""
    _said("operator-unverified", handle, target, reason)


@operator.command(help="Say as an editor that two handles are one person: one voice from now on.")
@click.argument("handle")
@click.argument("other")
@click.option("--reason", required=True, help="What shows it; public.")
@registry_option
def tie(handle: str, other: str, reason: str, target: str | None) -> None:
    """As when both ran on one device."""
    from harness.registry.actions import acts
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    taken = acts.act(
        open_for_writing(target), as_editor(), "operators-tied", handle, reason=reason, detail={"other": other}
    )
    out().print(f"{handle} and {other}: one voice, entry {taken.entry.index}", markup=False)


@operator.command(help="Take a tie back as an editor: two people after all.")
@click.argument("handle")
@click.argument("other")
@click.option("--reason", required=True, help="What shows it; public.")
@registry_option
def untie(handle: str, other: str, reason: str, target: str | None) -> None:
    """A machine that both used ties them still."""
    from harness.registry.actions import acts
    from harness.registry.queries import rows
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    registry = open_for_writing(target)
    taken = acts.act(registry, as_editor(), "operators-untied", handle, reason=reason, detail={"other": other})
    with registry.reading() as reader:
        people = rows.people(reader, [handle, other])
    console = out()
    console.print(f"{handle} and {other}: not tied any more, entry {taken.entry.index}", markup=False)
    if people.get(handle, handle) == people.get(other, other):
        console.print("they are still one voice: a machine, or another tie, connects them", markup=False)


@operator.command(help="Tell a registry that your next key took over (after repro keys rotate).")
@registry_option
def rotate(target: str | None) -> None:
    """Signed by each new key, whose digest the one before had announced."""
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


@operator.command(help="Revoke a key from an entry of the log on: what it signed there or later counts no more.")
@click.argument("key")
@click.option("--from", "from_index", type=click.IntRange(0), required=True, help="Number of the entry.")
@click.option("--reason", required=True, help="Why; public.")
@click.option("--as-editor", "editorial", is_flag=True, help="Of somebody else's key.")
@registry_option
def revoke(key: str, from_index: int, reason: str, editorial: bool, target: str | None) -> None:
    """By the beginning of the key as `repro keys show` prints it, or of its id (the sha256 of its 32 bytes)."""
    from harness.errors import BadInput
    from harness.record.keys import by_id
    from harness.registry.actions import acts
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, as_operator, open_for_writing

    actor = as_editor() if editorial else as_operator()
    registry = open_for_writing(target)
    with registry.reading() as reader:
        key = reader.key_of(key)
        own = reader.get("operator", actor.handle)
    if not editorial and own is not None and key in by_id(own["key"]):
        raise BadInput(
            "a key does not revoke itself",
            where=key[:12],
            fix="let the next one take over first: repro keys rotate, repro operator rotate; or ask an editor",
        )
    taken = acts.act(registry, actor, "key-revoked", key, reason=reason, detail={"from_index": from_index})
    out().print(f"revoked from entry {from_index} on, entry {taken.entry.index}", markup=False)
