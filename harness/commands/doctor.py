"""`repro doctor`."""

from __future__ import annotations

import click

_MARKS = {"ok": "[green]ok[/]", "note": "note", "warn": "[yellow]warn[/]", "bad": "[red]BAD[/]"}


@click.command()
@click.option("--gpu", is_flag=True, help="Also check for a usable GPU and the toolkit that builds for it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def doctor(gpu: bool, as_json: bool) -> int:
    """Lists each problem, with a fix where there is one. Exit status 3 when a measurement would be useless."""
    from dataclasses import asdict

    from harness.capture.doctor import examine, gather, worst
    from harness.paths import cache
    from harness.terminal.console import escape, out, print_json

    checks = examine(gather(cache()), gpu=gpu)
    if as_json:
        print_json([asdict(check) for check in checks])
    else:
        console = out()
        for check in checks:
            console.print(f"{_MARKS[check.level]:>4}  [bold]{check.name}[/]: {escape(check.what)}")
            if check.fix and check.level != "ok":
                console.print(f"      → {escape(check.fix)}")
    return 3 if worst(checks) == "bad" else 0
