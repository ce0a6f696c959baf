"""`repro submissions`."""

from __future__ import annotations

import click

from harness.paths import keys_folder
from harness.terminal.registry_option import registry_option

WIDE = 4000  # characters: more than a reason has


@click.command()
@registry_option
@click.option("--handle", help="List another operator's records; default: your own.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def submissions(target: str | None, handle: str | None, as_json: bool) -> None:
    """In order of submission, each with the reason of a decision and what you can do next."""
    from dataclasses import asdict

    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from harness.errors import BadInput
    from harness.record import keys
    from harness.record.outcome import WORDS
    from harness.registry.facts import OperatorFact
    from harness.registry.facts.stored import dump
    from harness.registry.queries import failures
    from harness.registry.queries.submissions import listing
    from harness.terminal.console import out, print_json
    from harness.terminal.registry_option import open_for_reading

    own = keys.public(keys_folder())
    if handle is None and own is None:
        raise BadInput(
            "there are no keys yet", where=str(keys_folder()), fix="name an operator: repro submissions --handle NAME"
        )
    whose = handle or (own.handle if own is not None else "")
    with open_for_reading(target).reading() as reader:
        known = reader.get(OperatorFact, whose)
        found, failed = listing(reader, whose), failures.of_operator(reader, whose)
    if as_json:
        said = [{"id": name, "outcome": "failed", **dump(fact)} for name, fact in failed]
        print_json([*({**asdict(one), "words": one.words, "next": one.next} for one in found), *said])
        return
    console = out()
    if not found and not failed:
        known_as = "has no records at this registry" if known is not None else "is not known to this registry"
        console.print(f"{whose} {known_as}", markup=False)
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("record", "row", "entry", "submitted", "status"):
        table.add_column(name, justify="right" if name == "entry" else "left", no_wrap=name != "status")
    for one in found:
        row = "its own" if one.row == one.id else one.row[:12]
        says = one.words + (f" → {one.next}" if one.next else "")
        table.add_row(one.id[:12], row, str(one.entry), one.submitted[:10], escape(says))
    for name, fact in failed:
        says = f"does not run here: {WORDS[fact.reason]}; {fact.status}{f': {fact.why}' if fact.why else ''}"
        table.add_row(name[:12], "none", str(fact.index), fact.submitted[:10], escape(says))
    whole = console if console.is_terminal else Console(highlight=False, width=WIDE)  # a pipe gets whole values
    whole.print(table)
