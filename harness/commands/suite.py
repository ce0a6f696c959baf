"""`repro suite`."""

from __future__ import annotations

import click


@click.group()
def suite() -> None:
    """A suite is a pinned list of workloads: prompts, lengths, modes."""


@suite.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def list_(as_json: bool) -> None:
    """List the suites with their digests."""
    from harness.catalog import suites
    from harness.terminal.console import out, print_json, whole

    loaded = [suites.load(name) for name in suites.names()]
    if as_json:
        print_json([{"suite": one.label, "sha256": one.sha256, "title": one.suite.title} for one in loaded])
        return
    console = out()
    for one in loaded:
        console.print(f"{one.label:12} {whole(console, one.sha256, 16)}  {one.suite.title}", markup=False)


@suite.command()
@click.argument("name")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(name: str, as_json: bool) -> None:
    """Show the workloads of a suite."""
    from rich.table import Table

    from harness.catalog import suites
    from harness.terminal.console import out, print_json

    loaded = suites.load(name)
    if as_json:
        print_json({"sha256": loaded.sha256, **loaded.suite.model_dump(mode="json")})
        return
    console = out()
    console.print(f"{loaded.label}  {loaded.suite.title}\nsha256 {loaded.sha256}", markup=False)
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("workload", "mode", "prompt", "output", "what"):
        table.add_column(column)
    for workload in loaded.suite.workloads:
        prompt = f"{workload.prompt_tokens} tokens" if workload.prompt_tokens else ("text" if workload.text else "none")
        mark = " (headline)" if workload.id == loaded.suite.headline else ""
        table.add_row(workload.id, workload.mode, prompt, f"{workload.output_tokens}", workload.title + mark)
    console.print(table)
    s = loaded.suite
    console.print(
        f"each process: {s.warmup_trials} or more warm-up and {s.timed_trials} timed trials a workload; budget {s.budget_s} s"
    )
