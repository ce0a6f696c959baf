"""A fleet at the terminal: its plan, how its jobs stand, how it ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.errors import Interrupted, ReproError
from harness.fleet import lead
from harness.fleet.admit import refuse_unrunnable
from harness.fleet.collect import Collected, collect
from harness.fleet.outcome import Standing, Status, counts
from harness.fleet.plan import Answers, Plan
from harness.fleet.state import State
from harness.paths import config
from harness.record.store import read, writable
from harness.terminal.console import err, escape, out, print_json
from harness.terminal.fleet_watched import BAD, watched
from harness.units import count
from harness.verify.unusable import CHECKS_FAILED, first_line

if TYPE_CHECKING:
    from harness.catalog.matrices import Loaded
    from harness.fleet.report import FleetReport
    from harness.record.keys import Signers


def read_matrix(file: Path, allowed: Sequence[str]) -> Loaded:
    """The matrix, every configuration of which could be measured somewhere; `allowed` as `--allow-option`. Raises `BadInput`."""
    from harness.catalog import matrices

    loaded = matrices.read(file)
    refuse_unrunnable(loaded, allowed)
    return loaded


def answers(signers: Signers | None) -> Answers | None:
    """Who answers for the records; None where there are no keys: the records are not signed then."""
    if signers is None:
        return None
    return Answers(
        handle=signers.public.handle,
        operator_key=signers.public.operator_key,
        next_key_sha256=signers.public.next_key_sha256,
    )


def print_plan(plan: Plan, estimates: Mapping[int, float | None], *, as_json: bool) -> None:
    """Every job in the order in which its node takes it."""
    from rich.table import Table

    if as_json:
        jobs = [job.model_dump(mode="json") | {"estimate_s": estimates[job.number]} for job in plan.jobs]
        print_json({"matrix": plan.matrix, "executor": plan.executor, "seed": plan.seed, "jobs": jobs})
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("node", "class", "configuration", "repeat", "about"):
        table.add_column(name, justify="right" if name in ("repeat", "about") else "left")
    for job in plan.jobs:
        known = estimates[job.number]
        about = "not known" if known is None else _time(known)
        table.add_row(escape(job.node), escape(job.machine), escape(str(job)), str(job.repeat + 1), about)
    out().print(table)
    nodes = plan.by_node()
    unknown = sum(one is None for one in estimates.values())
    total = sum(one or 0.0 for one in estimates.values())
    longest = max((sum(estimates[job.number] or 0.0 for job in jobs) for jobs in nodes.values()), default=0.0)
    told = f"{count(len(plan.jobs), 'job')} on {count(len(nodes), 'node')}"
    if unknown < len(plan.jobs):
        told += f"; about {_time(longest)}, {total / 3600:.2g} node-hours"
    if unknown:
        told += f"; {unknown} without an earlier record to estimate from"
    out().print(told, markup=False)


def _time(seconds: float) -> str:
    """As people plan: 45 s, 12 min, 3.4 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def lead_to_end(state: State, results: Path, signers: Signers | None, *, stop_with_us: bool, as_json: bool) -> int:
    """Watch the fleet until its executor holds no job, take its records home, print how it ended; the exit status."""
    writable(results)
    try:
        with watched(len(state.plan.jobs)) as (show, remark):
            found = lead.follow(state, show, remark)
    except KeyboardInterrupt:
        if stop_with_us:
            lead.cancel(state)
            raise Interrupted(
                "Stopped; what was measured is kept", fix="continue with: repro fleet resume MATRIX"
            ) from None
        raise Interrupted(
            "Stopped watching; the jobs continue",
            fix="see: repro fleet status MATRIX; stop them: repro fleet cancel MATRIX",
        ) from None
    return ended(state, found, results, signers, as_json=as_json)


def ended(state: State, found: Sequence[Standing], results: Path, signers: Signers | None, *, as_json: bool) -> int:
    """Take the records home and print every job; 3 where one has no number, else 4 where a record's own checks failed."""
    home = collect(state, found, results, signers, config())
    tell(state.plan, found, home, as_json=as_json)
    for one in home:
        if one.refused:
            err().print(one.refused, markup=False, soft_wrap=True)
    if way_on := on_with(found):
        err().print(way_on, markup=False, soft_wrap=True)
    if any(one.refused for one in home) or any(one.status is not Status.MEASURED for one in found):
        return 3
    return CHECKS_FAILED if any(one.record and first_line(read(one.record).record) for one in home) else 0


def on_with(found: Sequence[Standing]) -> str:
    """What goes on with the jobs that have no number, in one line; "" where there is none."""
    left = {one.status for one in found}
    if left & {Status.LOST, Status.CANCELLED, Status.WAITING}:
        return "continue with: repro fleet resume MATRIX"
    spoilt = any(one.outcome is not None and one.outcome.spoilt for one in found)
    if spoilt or left & {Status.FAILED, Status.DRAINED}:
        return "once what they say is mended, try those again: repro fleet resume MATRIX --retry-failed"
    return ""


def tell(plan: Plan, found: Sequence[Standing], home: Sequence[Collected] = (), *, as_json: bool) -> None:
    """How every job stands, as a table or as JSON."""
    if as_json:
        print_json(_standing_json(plan, found, home))
    else:
        _print_standing(found, home)


def _print_standing(found: Sequence[Standing], home: Sequence[Collected]) -> None:
    """A line a job: where, what, how it stands, its rate once it is home."""
    from rich.table import Table

    from harness.units import half_width, quantity

    rates = {}
    for one in home:
        headline = read(one.record).record.headline if one.record is not None else None
        if headline is not None and headline.estimate is not None:
            shown = f"{quantity(headline.estimate.point, headline.unit)} {half_width(headline.estimate.half_width_ppm)}"
            rates[one.standing.job.number] = shown
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("node", "configuration", "status", *(("decode",) if rates else ()), ""):
        table.add_column(name, justify="right" if name == "decode" else "left")
    for standing in found:
        status = f"[red]{standing.status}[/]" if standing.status in BAD else str(standing.status)
        cells = [escape(standing.job.node), escape(str(standing.job)), status]
        cells += [rates.get(standing.job.number, "–")] if rates else []
        table.add_row(*cells, escape(standing.detail))
    out().print(table)
    out().print(", ".join(f"{n} {name}" for name, n in counts(found).items()), markup=False)


def _standing_json(plan: Plan, found: Sequence[Standing], home: Sequence[Collected]) -> dict[str, Any]:
    """The same as plain values."""
    records = {one.standing.job.number: one for one in home}
    jobs = []
    for one in found:
        taken = records.get(one.job.number)
        jobs.append(
            one.job.model_dump(mode="json")
            | {
                "status": str(one.status),
                "detail": one.detail,
                "outcome": None if one.outcome is None else one.outcome.model_dump(mode="json"),
                "record": None if taken is None or taken.record is None else str(taken.record),
                "refused": "" if taken is None else taken.refused,
            }
        )
    return {"matrix": plan.matrix, "executor": plan.executor, "counts": counts(found), "jobs": jobs}


def standing_of(state: State) -> list[Standing]:
    """How the jobs stand; as far as the folder tells, with a remark, where the executor does not answer."""
    try:
        return lead.take(state)
    except ReproError as error:
        err().print(f"{error}; what follows is from the folder alone", markup=False, soft_wrap=True)
        return lead.without_engine(state)


def print_report(made: FleetReport) -> None:
    """What it found, the nodes among each other, every configuration."""
    from rich.table import Table

    from harness.fleet import words

    for text in words.headlines(made):
        out().print(text, markup=False, soft_wrap=True)
    for headings, lines in (
        (words.PAIR_HEADINGS, [cells for pair in made.pairs for cells in words.pair_cells(pair)]),
        (words.NODE_HEADINGS, [cells for odd in made.odd for cells in words.node_cells(odd)]),
        (words.ROW_HEADINGS, [cells for row in made.rows for cells in words.row_cells(row)]),
    ):
        if not lines:
            continue
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in headings:
            table.add_column(name)
        for cells in lines:
            table.add_row(*map(escape, cells))
        out().print(table)
    out().print(words.costs(made), markup=False, soft_wrap=True)


def refuse_report(page: Path | None, html: Path | None) -> None:
    """Raises `BadInput` for files that must not be replaced."""
    from harness.reports import files

    if html is not None:
        files.refuse(html, None)
    if page is not None:
        files.refuse_markdown(page)


def report_of(state: State, results: Path, band_percent: float) -> FleetReport:
    """From what is at home, with a remark on what is not."""
    from harness.fleet.collect import at_home
    from harness.fleet.report import report

    found = standing_of(state)
    home, waiting = at_home(state.plan, found, results)
    if waiting:
        err().print(f"not collected yet: {count(waiting, 'record')}; run: repro fleet collect", markup=False)
    unfinished_s = sum(state.earlier_s(one.job.number) for one in found if one.outcome is None)
    return report(state.plan, found, home, state.drained(), band_percent / 100, unfinished_s)
