"""How long jobs will take, from records that are here already."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from harness.catalog import suites
from harness.catalog.triples import Triple
from harness.errors import BadInput
from harness.fleet.answering import published
from harness.fleet.plan import Plan
from harness.record import store
from harness.record.schema import Record
from harness.state_files import seconds_of
from runtimes.interface import Scalar

MOST_READ = 500  # records, the newest first


@dataclass(frozen=True, slots=True)
class Past:
    """One earlier run: what was asked for, by words, and its seconds."""

    model: str
    runtime: str
    suite: str
    options: frozenset[tuple[str, Scalar]]
    processes: int
    seconds: float


def past(results: Path) -> list[Past]:
    """The runs whose records are in a folder; what can't be read is left out."""
    if not results.is_dir():
        return []
    found = []
    for path in sorted(store.below(results), reverse=True)[:MOST_READ]:
        try:
            one = _past(store.read(path).record)
        except BadInput:
            continue
        found += [one] if one is not None else []
    return found


def _past(record: Record) -> Past | None:
    try:
        words = shlex.split(record.run.command)
        asked = dict(zip(words[2::2], words[3::2], strict=False))
        seconds = seconds_of(record.run.finished_utc) - seconds_of(record.run.started_utc)
        if not record.processes:  # a run that failed
            return None
        options = frozenset(record.runtime.options.items())
        name = Path(asked["--model"]).name
        return Past(
            name, asked["--runtime"], record.suite.name, options, len(record.processes), max(float(seconds), 1.0)
        )
    except (ValueError, KeyError):
        return None


def estimate_s(triple: Triple, known: Sequence[Past]) -> float | None:
    """The median of the earlier runs of the same model, runtime, suite and options, by its number of processes; None without any:
    another option may take ten times as long. Raises `BadInput` for the suite.
    """
    key = (
        Path(triple.model).name,
        triple.runtime,
        suites.load(triple.suite).suite.name,
        frozenset(published(triple).items()),
    )
    own = [one for one in known if (one.model, one.runtime, one.suite, one.options) == key]
    if not own:
        return None
    if triple.processes is None:
        found = median(one.seconds for one in own)
    else:
        found = triple.processes * median(one.seconds / one.processes for one in own)
    return found if triple.budget_s is None else min(found, triple.budget_s)


def of_plan(plan: Plan, known: Sequence[Past]) -> Mapping[int, float | None]:
    """Seconds by the numbers of the jobs."""
    by_key: dict[str, float | None] = {}
    for job in plan.jobs:
        if job.triple.key not in by_key:
            by_key[job.triple.key] = estimate_s(job.triple, known)
    return {job.number: by_key[job.triple.key] for job in plan.jobs}


def refuse_beyond_budget(plan: Plan, estimates: Mapping[int, float | None]) -> None:
    """Raises `BadInput` where what is known alone takes longer than the matrix allows."""
    needed = sum(one or 0.0 for one in estimates.values())
    if plan.budget_s is not None and needed > plan.budget_s:
        raise BadInput(
            f"its jobs take about {needed:,.0f} node-seconds, budget_s is {plan.budget_s:,}",
            where=plan.matrix,
            fix="raise it, or measure less",
        )
