"""`repro submissions`."""

from __future__ import annotations

import click

from harness.paths import keys_folder
from harness.terminal.registry_option import registry_option


@click.command()
@registry_option
@click.option("--handle", help="List another operator's records; default: your own.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def submissions(target: str | None, handle: str | None, as_json: bool) -> None:
    """In order of submission, each with the reason of a decision and what you can do next."""
    from dataclasses import asdict

    from harness.registry.facts.stored import dump
    from harness.registry.queries import failures
    from harness.registry.queries.submissions import is_known, listing
    from harness.terminal.console import print_json
    from harness.terminal.registry_option import open_for_reading
    from harness.terminal.submissions import print_submissions

    whose = handle or _own_handle()
    with open_for_reading(target).reading() as reader:
        known, found = is_known(reader, whose), listing(reader, whose)
        failed = failures.of_operator(reader, whose)
    if as_json:
        said = [{"id": name, "outcome": "failed", **dump(fact)} for name, fact in failed]
        print_json([*({**asdict(one), "words": one.words, "next": one.next} for one in found), *said])
    else:
        print_submissions(whose, found, known=known, failed=failed)


def _own_handle() -> str:
    """Whose keys are here. Raises `BadInput` where there are none."""
    from harness.errors import BadInput
    from harness.record import keys

    own = keys.public(keys_folder())
    if own is None:
        raise BadInput(
            "there are no keys yet", where=str(keys_folder()), fix="name an operator: repro submissions --handle NAME"
        )
    return own.handle
