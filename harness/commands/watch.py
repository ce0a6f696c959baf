"""`repro watch`."""

from __future__ import annotations

from pathlib import Path

import click

from harness.terminal.backend_option import backend_option
from harness.terminal.counted_options import metric_option, workload_option
from harness.terminal.new_file import NewFile
from harness.terminal.registry_option import registry_option
from harness.terminal.results_option import results_option


@click.command()
@click.argument("runtimes", nargs=-1)
@click.option("--model", default="gemma-3-270m-q4_k_m", show_default=True, help="Model to measure with.")
@click.option("--suite", default="quick", show_default=True, help="Suite of workloads: a name, or a TOML file.")
@workload_option
@metric_option("Metric that is compared.")
@click.option("-o", "--option", "settings", multiple=True, metavar="NAME=VALUE", help="Set an option; repeatable.")
@backend_option
@results_option
@click.option("--summary", type=NewFile(), help="Append the table to this file as Markdown.")
@registry_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def watch(
    runtimes: tuple[str, ...],
    model: str,
    suite: str,
    workload: str | None,
    metric: str,
    settings: tuple[str, ...],
    backend: str,
    results: Path,
    summary: Path | None,
    target: str | None,
    as_json: bool,
) -> int:
    """RUNTIMES: all that are installed here unless named. Measures eight pairs of processes a night, until two successive
    ones agree. With a registry, the signed records behind a change are submitted: once accepted, its regressions show it.
    Exit status 3 when a runtime could not be watched.
    """
    from harness.files import appendable
    from harness.paths import cache
    from harness.record.store import writable
    from harness.run.session import Session
    from harness.terminal import watching
    from harness.terminal.keys import open_keys
    from harness.terminal.progress import shown

    writable(results)
    if summary is not None:
        appendable(summary)
    signers = open_keys()
    if target is not None:
        watching.need_for_registry(signers)
    asked = [
        watching.question_of(one, model, suite, workload, metric, settings, backend, cache())
        for one in watching.runtimes_of(runtimes, cache())
    ]
    with shown() as progress:
        found = [watching.watched(one, results, cache(), signers, Session, progress) for one in asked]
    return watching.ended(found, summary, target, as_json=as_json)
