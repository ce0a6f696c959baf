"""`repro bisect`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from harness.terminal.backend_option import backend_option
from harness.terminal.counted_options import metric_option, workload_option
from harness.terminal.results_option import results_option


@click.command()
@click.option("--runtime", default="llama.cpp", show_default=True, help="Runtime whose releases are hunted through.")
@click.option("--good", metavar="VERSION", help="Last release that is known to be fast.")
@click.option("--bad", metavar="VERSION", help="A later release that may be slower.")
@click.option(
    "--candidates",
    "file",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Instead of releases: a list of wheels or interpreters, a path a line, oldest first. They will be run.",
)
@click.option("--model", default="gemma-3-270m-q4_k_m", show_default=True, help="Model to measure with.")
@click.option("--suite", default="quick", show_default=True, help="Suite of workloads: a name, or a TOML file.")
@workload_option
@metric_option("Slower is a lower rate, or a longer time to the first token.")
@click.option("--faster", is_flag=True, help="Find the first faster one instead.")
@click.option(
    "--band", type=float, default=3.0, show_default=True, help="Per cent that count as no change; 5 finds 6 and more."
)
@click.option(
    "--pairs",
    type=click.IntRange(4, 400),
    default=24,
    show_default=True,
    help="Most pairs of processes in each comparison, a multiple of 4.",
)
@click.option("-o", "--option", "settings", multiple=True, metavar="NAME=VALUE", help="Set an option; repeatable.")
@backend_option
@click.option(
    "--seed", type=click.IntRange(0, 2**30), default=0, show_default=True, help="Seed for the order of turns."
)
@click.option("--resume", is_flag=True, help="Continue a hunt that was interrupted.")
@results_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def bisect(resume: bool, results: Path, as_json: bool, **asked: Any) -> int:
    """Measures bad and good in alternation until it is clear whether bad is slower, then halves what lies between, each
    release in alternation with good. What can't be installed is skipped, where it can't be told the neighbour is tried.
    Exit status 1 when it can't tell.
    """
    from harness.hunt.bisect import Hunt
    from harness.hunt.halving import End
    from harness.hunt.state import opened
    from harness.paths import cache
    from harness.record.store import writable
    from harness.run.session import Session
    from harness.terminal.console import out, print_json
    from harness.terminal.hunt import print_finding, question_of
    from harness.terminal.keys import open_keys
    from harness.terminal.progress import shown

    writable(results)
    with shown() as progress:
        question = question_of(**asked, cache=cache(), resume=resume, progress=progress)
        with opened(results, question, resume=resume) as state:
            found = Hunt(state, cache(), open_keys(), Session, progress).run()
    if as_json:
        print_json(found.to_json() | {"folder": str(state.folder)})
    else:
        print_finding(out(), found, state.folder)
    return 1 if found.ended.end is End.CANNOT_TELL else 0
