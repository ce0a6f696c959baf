"""`repro regressions`."""

from __future__ import annotations

import click

from harness.terminal.registry_option import registry_option


@click.command()
@registry_option
@click.option("--policy", help="Apply this policy instead of the registry's.")
@click.option("--all", "everything", is_flag=True, help="Include pairs whose evidence is insufficient.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def regressions(target: str | None, policy: str | None, everything: bool, as_json: bool) -> None:
    """Compares pairs of records that differ in one thing only: a version, or a tuning setting. A result is a possible change
    that one person saw, or a change that several confirmed; never a fact about a version.
    """
    from dataclasses import asdict

    from harness.registry.queries.active_policy import in_force
    from harness.registry.queries.regressions import candidates
    from harness.site.api.candidates import candidate
    from harness.terminal.console import print_json
    from harness.terminal.registry_option import open_public, reading, say
    from harness.terminal.regressions import print_candidates
    from harness.tiers.regressions import Label

    with reading(open_public(target)) as (reader, left_out):
        found = candidates(reader, in_force(reader, policy).policy)
    say(left_out)
    shown = [one for one in found if everything or one.change.label is not Label.INSUFFICIENT]
    if as_json:
        print_json([asdict(candidate(one.change, one.model, one.pairs)) for one in shown])
    else:
        print_candidates(shown, len(found))
