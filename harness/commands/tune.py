"""`repro tune`."""

from __future__ import annotations

from pathlib import Path

import click

from harness.terminal.backend_option import backend_option
from harness.terminal.finite_range import FiniteRange
from harness.terminal.results_option import results_option


@click.command()
@click.argument("model", default="gemma-3-270m-q4_k_m")
@click.argument("runtime", default="llama.cpp")
@click.option(
    "--for",
    "purpose",
    type=click.Choice(("decode", "prefill", "mix")),
    default="decode",
    show_default=True,
    help="What is to be fast.",
)
@click.option(
    "--weight",
    type=FiniteRange(0, 1),
    metavar="W",
    help="Weight of decode in a mix, from 0 to 1; the rest is prefill's; default: 0.5.",
)
@click.option(
    "-o",
    "--option",
    "settings",
    multiple=True,
    metavar="NAME=VALUE[,VALUE…]",
    help="Options to try, as lists; a single value is fixed. Default: what usually matters for the runtime.",
)
@click.option(
    "--budget",
    "budget_s",
    type=click.IntRange(1, 31_536_000),
    default=900,
    show_default=True,
    metavar="SECONDS",
    help="Time for the search and for measuring the winner again.",
)
@click.option("--suite", default="quick", show_default=True, help="Suite of workloads: a name, or a TOML file.")
@backend_option
@click.option(
    "--seed", type=click.IntRange(0, 2**31), default=0, show_default=True, help="Seed for the order of turns."
)
@click.option("--resume", is_flag=True, help="Continue a search that was interrupted.")
@results_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def tune(
    model: str,
    runtime: str,
    purpose: str,
    weight: float | None,
    settings: tuple[str, ...],
    budget_s: int,
    suite: str,
    backend: str,
    seed: int,
    resume: bool,
    results: Path,
    as_json: bool,
) -> int:
    """Measures combinations in turn, drops what surely is slower, and measures the winner again against the default: that
    ratio is the gain. MODEL and RUNTIME are as for `repro bench`. Exit status 4 when the checks of these two runs failed.
    """
    from harness.run.request import Request
    from harness.terminal import tuning
    from harness.terminal.console import err, out, print_json
    from harness.terminal.progress import shown
    from harness.verify.unusable import CHECKS_FAILED

    objective = tuning.objective_of(purpose, weight)
    request = Request(model, runtime, suite, results=results, backend=backend, seed=seed, resume=resume, or_new=resume)
    search = tuning.search_of(request, settings, objective, budget_s)
    with shown() as progress:
        found = tuning.run(search, results, resume, progress)
    if as_json:
        print_json(tuning.to_json(found, search))
    else:
        tuning.print_tuned(out(), found, search, purpose)
    for line in (unusable := tuning.doubts(found)):
        err().print(line, markup=False)
    return CHECKS_FAILED if unusable else 0
