"""`repro registry witnesses`: whom the registry asks for cosignatures."""

from __future__ import annotations

import click

from harness.terminal.registry_option import registry_option


@click.group()
def witnesses() -> None:
    """List, add and remove the witnesses that the registry asks.

    A witness signs each checkpoint of a log that only grows: repro registry witness.
    """


@witnesses.command(name="list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@registry_option
def list_witnesses(as_json: bool, target: str | None) -> None:
    """List them, with how far each has signed the log."""
    from dataclasses import asdict

    from harness.registry.queries.witnesses import listing
    from harness.terminal.console import out, print_json
    from harness.terminal.registry_option import open_public

    with open_public(target).reading() as reader:
        found = listing(reader)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    for one in found:
        far = f"signed up to entry {one.signed - 1}" if one.signed else "has signed nothing that is here"
        gone = ", not asked any more" if one.removed else ""
        out().print(f"{one.name} at {one.url}: {far}{gone}\n  {one.key}", markup=False, soft_wrap=True)


@witnesses.command()
@click.argument("url")
@click.option("--key", required=True, metavar="KEY", help="Verifier key that the witness prints.")
@click.option("--reason", required=True, help="Whose it is, and why it is asked; public in the log.")
@registry_option
def add(url: str, key: str, reason: str, target: str | None) -> None:
    """Ask a witness from now on, as an editor.

    URL is the address below which it answers to add-checkpoint. The service asks it after each checkpoint.
    """
    from harness.registry.actions import witnesses as actions
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    name, entry = actions.add(open_for_writing(target), as_editor(), url, key, reason)
    out().print(f"{name}: asked from entry {entry} on", markup=False)


@witnesses.command()
@click.argument("name")
@click.option("--reason", required=True, help="Why; public in the log.")
@registry_option
def remove(name: str, reason: str, target: str | None) -> None:
    """Ask a witness no more, as an editor. What it signed stays."""
    from harness.registry.actions import witnesses as actions
    from harness.terminal.console import out
    from harness.terminal.registry_option import as_editor, open_for_writing

    entry = actions.remove(open_for_writing(target), as_editor(), name, reason)
    out().print(f"{name}: not asked any more, entry {entry}", markup=False)
