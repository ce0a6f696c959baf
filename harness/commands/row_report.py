"""`repro row-report`: asking editors to look at a row."""

from __future__ import annotations

import click

from harness.terminal.registry_option import registry_option


@click.group(name="row-report")
def row_report() -> None:
    """Two verified operators who report a row put it under review: its tier is held until an editor decides."""


@row_report.command()
@click.argument("row")
@click.option("--reason", required=True, help="What is wrong with it; public in the log for ever.")
@registry_option
def new(row: str, reason: str, target: str | None) -> None:
    """Report a row to the editors, as an operator."""
    _step("row-reported", row, reason, target, "reported")


@row_report.command()
@click.argument("row")
@registry_option
def withdraw(row: str, target: str | None) -> None:
    """Withdraw your report of a row."""
    _step("report-withdrawn", row, "", target, "report withdrawn")


@row_report.command()
@click.argument("row")
@click.option("--reason", required=True, help="What you found; public in the log for ever.")
@registry_option
def close(row: str, reason: str, target: str | None) -> None:
    """Close the reports of a row, as an editor.

    Decide on its records first: repro review. The row is scored again as its records are.
    """
    _step("reports-closed", row, reason, target, "reports closed")


@row_report.command(name="list")
@registry_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_reports(target: str | None, as_json: bool) -> None:
    """List reports of rows, the newest first.

    Over a URL: your own; for editors, all.
    """
    from dataclasses import asdict

    from rich.table import Table

    from harness.registry.queries.reports import listed
    from harness.terminal.console import escape, out, print_json, whole
    from harness.terminal.registry_option import open_for_editors

    with open_for_editors(target).reading() as reader:
        found = listed(reader)
    if as_json:
        print_json([asdict(one) for one in found])
        return
    console, table = out(), Table(box=None, pad_edge=False, header_style="bold")
    for name in ("row", "by", "since", "state", "row is", "reason"):
        table.add_column(name)
    for one in found:
        state = "under review" if one.freezes else "–"
        reason = one.why + (f" → {one.answer}" if one.answer else "")
        table.add_row(whole(console, one.row, 12), escape(one.by), one.at[:10], one.status, state, escape(reason))
    console.print(table)


def _step(kind: str, row: str, reason: str, target: str | None, words: str) -> None:
    from harness.registry.actions.reports import Step, step
    from harness.terminal.console import out
    from harness.terminal.keys import introduced
    from harness.terminal.registry_option import as_editor, as_operator, open_for_writing

    registry, wanted = open_for_writing(target), Step(kind)
    actor = as_editor() if wanted is Step.CLOSE else as_operator()
    first = introduced(registry, actor) if wanted is Step.REPORT else []
    made = step(registry, actor, wanted, row, reason=reason, first=first)
    out().print(f"{made.row}\n{words}, entry {made.entry}", markup=False)
