"""`repro explain ROW`."""

from __future__ import annotations

import click

from harness.terminal.registry_option import registry_option


@click.command()
@click.argument("row")
@registry_option
@click.option("--policy", help="Apply this policy instead of the registry's.")
@click.option("--as-of", "as_of", metavar="YYYY-MM-DD", help="Score as on this day; default: today.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def explain(row: str, target: str | None, policy: str | None, as_of: str | None, as_json: bool) -> None:
    """ROW is the beginning of the id of a row, or of any record in it."""
    from harness.registry.queries.explanations import explained, row_alone
    from harness.terminal.console import print_json
    from harness.terminal.days import day_of
    from harness.terminal.explanation import document, print_explanation
    from harness.terminal.registry_option import open_public, say

    day = day_of(as_of)
    with row_alone(open_public(target), row) as (reader, whole, left_out):
        say(doubt for doubt in left_out if doubt.record != whole)
        found = explained(reader, whole, left_out, policy, day)
    if as_json:
        print_json(document(found))
    else:
        print_explanation(found)
