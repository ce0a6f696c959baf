"""`repro regressions`."""

from __future__ import annotations

import click

from harness.commands.hub_option import hub_option


@click.command(help="Pairs of records that differ in one version alone.")
@hub_option
@click.option("--policy", help="Version of the rules; default: the hub's.")
@click.option("--all", "everything", is_flag=True, help="With those of which the evidence is insufficient.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def regressions(target: str | None, policy: str | None, everything: bool, as_json: bool) -> None:
    """Never a fact: a candidate, or a change that two independent operators saw."""
    from dataclasses import asdict

    from rich.table import Table

    from harness.commands.console import escape, out, print_json
    from harness.commands.hub_option import open_for_reading
    from harness.hub.changes import changes
    from harness.hub.force import in_force
    from harness.tiers.regressions import Label

    with open_for_reading(target).reading() as reader:
        found = changes(reader, in_force(reader, policy).policy)
    shown = [one for one in found if everything or one.label is not Label.INSUFFICIENT]
    if as_json:
        print_json([asdict(one) for one in shown])
        return
    console = out()
    if not shown:
        console.print(f"no candidate among {len(found)} pairs of versions")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("what", "axis", "before", "after", "ratio", "operators"):
        table.add_column(name)
    for one in shown:
        ratios = ", ".join(_ratio(pair[2]) for pair in one.pairs[:3])
        table.add_row(str(one.label), one.axis, escape(one.before), escape(one.after), ratios, str(len(one.operators)))
    console.print(table)


def _ratio(comparison: object) -> str:
    from harness.measure.comparison import Comparison

    if not isinstance(comparison, Comparison) or comparison.ratio is None:
        return "–"
    interval = "" if comparison.low is None else f" [{comparison.low:.3f}, {comparison.high:.3f}]"
    return f"{comparison.ratio:.3f}{interval}"
