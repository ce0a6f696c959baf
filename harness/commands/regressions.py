"""`repro regressions`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from harness.terminal.registry_option import registry_option

if TYPE_CHECKING:
    from rich.console import Console

    from harness.registry.queries.regressions import Candidate, Pair

MOST_PAIRS = 8  # of a candidate, in the text; --json has all


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
    from harness.terminal.console import out, print_json
    from harness.terminal.registry_option import open_for_reading, reading, say
    from harness.tiers.regressions import CONFIRMING, Label

    with reading(open_for_reading(target)) as (reader, left_out):
        found = candidates(reader, in_force(reader, policy).policy)
    say(left_out)
    shown = [one for one in found if everything or one.change.label is not Label.INSUFFICIENT]
    if as_json:
        print_json([asdict(candidate(one.change, one.model, one.pairs)) for one in shown])
        return
    console = out()
    if not shown:
        console.print(f"no candidate; {len(found)} steps have insufficient evidence (--all)")
        return
    for one in shown:
        _print(console, one)
    console.print(
        "Candidates, never facts about a version: a possible change was seen by one person, a confirmed change by "
        f"{CONFIRMING} or more, each on a machine of their own. The ratio is newer / older decode rate there.",
        markup=False,
        highlight=False,
    )


def _print(console: Console, one: Candidate) -> None:
    """A block a candidate: nothing is cut, however wide the terminal is."""

    def line(text: str) -> None:
        console.print(text, markup=False, highlight=False, soft_wrap=True)

    change, subject = one.change, one.change.subject
    before, after = change.before or "not recorded", change.after or "not recorded"
    line(f"{change.label}: {change.axis} {before} → {after}")
    persons = [
        f"seen {sign} by {len(who)} {'person' if len(who) == 1 else 'persons'}"
        for sign, who in (("slower", change.slower), ("faster", change.faster))
        if who
    ]
    line(
        f"  {one.model or 'unnamed model'} {subject.quantisation}, {subject.engine}, {subject.workload.partition('/')[2]}"
    )
    line(f"  {', '.join(persons) or 'no difference is larger than its interval'}")
    for pair in one.pairs[:MOST_PAIRS]:
        line(f"    {pair.operator} on {pair.device}: {_ratio(pair)}")
        rows = (
            pair.before_row[:12]
            if pair.before_row == pair.after_row
            else f"{pair.before_row[:12]}, {pair.after_row[:12]}"
        )
        line(f"      record {pair.before[:12]} → {pair.after[:12]}, row {rows}")
    if len(one.pairs) > MOST_PAIRS:
        line(f"    and {len(one.pairs) - MOST_PAIRS} more pairs (--json)")
    line("")


def _ratio(pair: Pair) -> str:
    made = pair.comparison
    if made.ratio is None:
        return "no ratio"
    interval = "" if made.low is None else f" [{made.low:.3f}, {made.high:.3f}]"
    return f"{made.ratio:.3f}{interval}, {str(made.verdict).replace('_', ' ')}"
