"""`repro fleet`: one matrix over many machines."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from harness.errors import BadInput
from harness.terminal.allow_option import allow_option
from harness.terminal.finite_range import FiniteRange
from harness.terminal.new_file import NewFile
from harness.terminal.registry_option import registry_option

MATRIX = click.argument("matrix", type=click.Path(path_type=Path))
RESULTS = click.option(
    "--results",
    type=click.Path(path_type=Path),
    default=Path("results"),
    show_default=True,
    help="Folder for the records; with SLURM every node must see it under this path.",
)
EXECUTOR = click.option(
    "--executor", default="local", show_default=True, help="Who distributes the jobs: local, slurm or srun."
)
CACHE = click.option(
    "--node-cache",
    default="",
    metavar="DIR",
    help="Cache of each node, %n for its name; default: with SLURM a folder a node in your own cache.",
)
DETACH = click.option("--detach", is_flag=True, help="Return at once; the jobs continue.")
JSON = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def _options(*more: Callable[..., Any]) -> Callable[..., Any]:
    def add(function: Callable[..., Any]) -> Callable[..., Any]:
        for one in reversed((MATRIX, *more)):
            function = one(function)
        return function

    return add


@click.group()
def fleet() -> None:
    """MATRIX is a TOML file: configurations, and [[machines]] to measure them on. Each node is taken whole and measures one
    configuration at a time, in an order that the matrix's seed draws.
    """


@fleet.command()
@_options(EXECUTOR, RESULTS, CACHE, allow_option, JSON)
def plan(matrix: Path, executor: str, results: Path, node_cache: str, allowed: tuple[str, ...], as_json: bool) -> None:
    """Print every job with its estimated time; start nothing."""
    from harness.fleet import estimates, lead
    from harness.terminal.fleet import print_plan, read_matrix

    wanted = lead.Wanted(executor, results, node_cache, allowed=allowed)
    made = lead.planned(read_matrix(matrix, allowed), wanted)
    known = estimates.of_plan(made, estimates.past(results))
    estimates.refuse_beyond_budget(made, known)
    print_plan(made, known, as_json=as_json)


@fleet.command()
@_options(EXECUTOR, RESULTS, CACHE, allow_option, DETACH, JSON)
def run(
    matrix: Path, executor: str, results: Path, node_cache: str, allowed: tuple[str, ...], detach: bool, as_json: bool
) -> int:
    """Start a fleet, wait for it, and take its records home.

    Exit status 3 when a job has no number, 4 when a record's own checks failed. Ctrl-C stops local jobs; SLURM's continue.
    """
    from harness.fleet import estimates, lead
    from harness.record.store import writable
    from harness.terminal.fleet import answers, lead_to_end, read_matrix, standing_of, tell
    from harness.terminal.keys import open_keys

    loaded = read_matrix(matrix, allowed)
    writable(results)
    signers = open_keys()
    wanted = lead.Wanted(executor, results, node_cache, answers(signers), allowed)
    made = lead.planned(loaded, wanted)
    estimates.refuse_beyond_budget(made, estimates.of_plan(made, estimates.past(results)))
    state = lead.start(loaded, wanted)
    if detach:
        if as_json:
            tell(state.plan, standing_of(state), as_json=True)
        else:
            click.echo(f"started; see: repro fleet status {matrix}")
        return 0
    return lead_to_end(state, results, signers, stop_with_us=executor == "local", as_json=as_json)


@fleet.command()
@_options(RESULTS, JSON)
def status(matrix: Path, results: Path, as_json: bool) -> None:
    """Print the state of every job."""
    from harness.catalog import matrices
    from harness.fleet.state import need_state
    from harness.terminal.fleet import standing_of, tell

    state = need_state(results, matrices.read(matrix))
    tell(state.plan, standing_of(state), as_json=as_json)


@fleet.command()
@_options(
    RESULTS,
    click.option(
        "--retry-failed", is_flag=True, help="Also try again what failed or was disturbed, and drained nodes."
    ),
    DETACH,
    JSON,
)
def resume(matrix: Path, results: Path, retry_failed: bool, detach: bool, as_json: bool) -> int:
    """Continue with jobs that were lost, cancelled or not submitted.

    Jobs that have ended, or are held, are left alone.
    """
    from harness.catalog import matrices
    from harness.fleet import lead
    from harness.fleet.state import need_state
    from harness.terminal.console import err
    from harness.terminal.fleet import lead_to_end, standing_of, tell
    from harness.terminal.keys import open_keys
    from harness.units import count

    state, signers = need_state(results, matrices.read(matrix)), open_keys()
    handed_over = lead.resume(state, retry_failed=retry_failed)
    err().print(f"{count(handed_over, 'job')} handed over", markup=False)
    if detach:
        if as_json:
            tell(state.plan, standing_of(state), as_json=True)
        return 0
    return lead_to_end(state, results, signers, stop_with_us=state.plan.executor == "local", as_json=as_json)


@fleet.command()
@_options(RESULTS, JSON)
def cancel(matrix: Path, results: Path, as_json: bool) -> None:
    """Stop every job, and keep what was measured.

    `repro fleet resume` continues it.
    """
    from harness.catalog import matrices
    from harness.fleet import lead
    from harness.fleet.state import need_state
    from harness.terminal.fleet import standing_of, tell

    state = need_state(results, matrices.read(matrix))
    lead.cancel(state)
    tell(state.plan, standing_of(state), as_json=as_json)


@fleet.command()
@_options(RESULTS, JSON)
def collect(matrix: Path, results: Path, as_json: bool) -> int:
    """Verify the nodes' records, sign them with your key and keep them.

    They are put into the folder of results.

    A record is taken whole or not at all; what is there already stays. Exit status 3 when a job has no number.
    """
    from harness.catalog import matrices
    from harness.fleet.state import need_state
    from harness.terminal.fleet import ended, standing_of
    from harness.terminal.keys import open_keys

    state = need_state(results, matrices.read(matrix))
    return ended(state, standing_of(state), results, open_keys(), as_json=as_json)


@fleet.command()
@_options(RESULTS, registry_option, JSON)
def submit(matrix: Path, results: Path, target: str | None, as_json: bool) -> int:
    """Send every record that is collected to a registry.

    They wait in its queue until editors decide. What the registry has already stays. A record whose node failed its checks
    after the run is not sent. Exit status 3 when one is not at the registry.
    """
    from harness.catalog import matrices
    from harness.fleet.collect import at_home
    from harness.fleet.state import need_state
    from harness.terminal.fleet import standing_of
    from harness.terminal.fleet_submit import submit_all
    from harness.terminal.registry_option import as_operator, open_for_writing

    state = need_state(results, matrices.read(matrix))
    found = standing_of(state)
    home, waiting = at_home(state.plan, found, results)
    if waiting or not home:
        raise BadInput(
            f"collected: {len(home)}, not yet: {waiting}", where=str(matrix), fix="run: repro fleet collect FILE"
        )
    spoilt = {one.job.number: one.outcome.spoilt for one in found if one.outcome is not None}
    return submit_all(home, spoilt, open_for_writing(target), as_operator(), as_json=as_json)


@fleet.command()
@_options(
    RESULTS,
    click.option("--band", type=FiniteRange(0.1, 50), default=3.0, show_default=True, help="Percent, to either side."),
    click.option("--markdown", "page", type=NewFile(), metavar="FILE.md", help="Also write it as Markdown."),
    click.option("--html", type=NewFile(), metavar="FILE.html", help="Also write it as one HTML file."),
    JSON,
)
def report(matrix: Path, results: Path, band: float, page: Path | None, html: Path | None, as_json: bool) -> None:
    """Print each configuration over its nodes, and name odd nodes.

    Those that are surely outside the band of the others; and failures, and node-hours.
    """
    from dataclasses import asdict

    from harness.catalog import matrices
    from harness.files import write_bytes, write_text
    from harness.fleet.state import need_state
    from harness.fleet.words import markdown
    from harness.reports.fleet import page as html_page
    from harness.terminal.console import print_json
    from harness.terminal.fleet import print_report, refuse_report, report_of

    refuse_report(page, html)
    made = report_of(need_state(results, matrices.read(matrix)), results, band)
    if as_json:
        print_json(asdict(made))
    else:
        print_report(made)
    if page is not None:
        write_text(page, markdown(made))
    if html is not None:
        write_bytes(html, html_page(made))
