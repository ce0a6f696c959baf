"""`repro bisect` from its words to its answer: what is hunted through, what every comparison said, and the first slower one."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.catalog import models, suites
from harness.errors import BadInput
from harness.hunt import candidates as lists
from harness.hunt import releases
from harness.hunt.halving import End, Verdict
from harness.hunt.question import Question, refuse_unfit, workload_of
from harness.run.prepare import choosing, environments, options
from harness.terminal.console import escape
from harness.units import count, interval, ratio, share
from runtimes.releases import Named
from runtimes.table import find

if TYPE_CHECKING:
    from rich.console import Console

    from harness.hunt.finding import Finding, Step
    from harness.hunt.question import Candidate
    from harness.progress import Progress

_WORDS = {Verdict.CANNOT_TELL: "cannot tell", Verdict.SKIPPED: "skipped"}


def question_of(
    *,
    runtime: str,
    good: str | None,
    bad: str | None,
    file: Path | None,
    model: str,
    suite: str,
    workload: str | None,
    metric: str,
    faster: bool,
    band: float,
    settings: Sequence[str],
    backend: str,
    seed: int,
    pairs: int,
    cache: Path,
    resume: bool,
    progress: Progress,
) -> Question:
    """Everything checked that can be before the first minute. Raises `BadInput`, or that the index can't be asked."""
    refuse_unfit(band, pairs)
    loaded = suites.load(suite)
    chosen = workload_of(loaded, metric, workload)
    models.resolve(model)
    adapter = find(runtime.partition("@")[0])
    options.parse(tuple(settings), adapter.options, adapter.name)
    left_out: tuple[str, ...] = ()
    found: tuple[Candidate, ...]
    if file is not None:
        found, backend = _listed(runtime, file, good, bad, backend, cache)
    else:
        if good is None or bad is None:
            raise BadInput("needs --good and --bad", where="bisect", fix="name two releases, or give --candidates FILE")
        if resume:  # the index was asked when it began
            between = releases.ends(runtime, good, bad, backend, cache)
        else:
            progress.stage("asking the package index")
            between = releases.between(runtime, good, bad, backend, cache)
        found, left_out, backend = between.candidates, between.left_out, between.backend
        if between.remark:
            progress.remark(between.remark)
    return Question(
        runtime=runtime,
        candidates=found,
        left_out=left_out,
        model=model,
        suite=suite,
        suite_sha256=loaded.sha256,
        workload=chosen,
        metric=metric,
        faster=faster,
        band_percent=band,
        settings=tuple(settings),
        backend=backend,
        seed=seed,
        pairs=pairs,
    )


def _listed(
    runtime: str, file: Path, good: str | None, bad: str | None, backend: str, cache: Path
) -> tuple[tuple[Candidate, ...], str]:
    """The candidates of a file, and the backend whose lock surrounds a wheel."""
    distribution = ""
    adapter = find(runtime)
    if backend != "auto":
        raise BadInput("candidates bring builds of their own", where=f"--backend {backend}", fix="leave --backend out")
    chosen = ""
    if adapter.recipe is not None:
        chosen = choosing.choice_of(Named(runtime, ""), "auto", cache).backend
        distribution = environments.recipe_of(runtime).distribution(chosen)
    found = lists.read(file, distribution)
    return lists.cut(found, good, bad, str(file)), chosen


def print_finding(console: Console, found: Finding, folder: Path) -> None:
    """The table of the comparisons, then the answer."""
    from rich.table import Table

    asked = found.question
    first, *_, last = asked.candidates
    console.print(
        f"{asked.runtime}, {asked.metric} of {asked.workload} in {asked.suite}, {asked.model}: "
        f"{count(len(asked.candidates), 'candidate')} from {first.name} to {last.name}, band {asked.band_percent:g} %",
        markup=False,
        soft_wrap=True,
    )
    shown = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("candidate", "verdict", f"/ {first.name}", "interval", "pairs"):
        shown.add_column(escape(name), justify="left" if name in ("candidate", "verdict") else "right")
    for one in found.steps:
        value = "–" if one.ratio is None else ratio(one.ratio)
        shown.add_row(escape(one.name), _verdict(found, one), value, interval(one.low, one.high), str(one.pairs))
    console.print(shown)
    for line in lines(found):
        console.print(line, markup=False, soft_wrap=True)
    console.print(f"records: {folder}", markup=False, soft_wrap=True)


def _verdict(found: Finding, one: Step) -> str:
    change = "faster" if found.question.faster else "slower"
    assert one.verdict is not None  # noqa: S101 - a finding has no others
    return _WORDS.get(one.verdict) or (change if one.verdict is Verdict.CHANGED else f"not {change}")


def lines(found: Finding) -> list[str]:
    """The answer in words."""
    asked, ended = found.question, found.ended
    names = [one.name for one in asked.candidates]
    change, good, bad = "faster" if asked.faster else "slower", names[0], names[-1]
    told = [f"left out: {one}" for one in asked.left_out]
    told += [f"{one.name}: {one.reason}" for one in found.steps if one.reason]
    if ended.end is End.NOTHING:
        return [*told, f"nothing found: {bad} is not {change} than {good} by more than {asked.band_percent:g} %"]
    if ended.end is End.CANNOT_TELL:
        return [*told, f"cannot tell whether {bad} is {change} than {good}: take a quieter machine, or more --pairs"]
    step = found.first
    assert step is not None and ended.last is not None and step.ratio is not None  # noqa: S101, PT018 - it was found
    held = f"{share(step.level or 0)} interval {interval(step.low, step.high)}"
    figures = f"{ratio(step.ratio)} of {good}'s {asked.metric} ({held})"
    told.append(f"first {change}: {step.name}, {figures}; {names[ended.last]} is not")
    if ended.between:
        open_names = ", ".join(names[place] for place in ended.between)
        told.append(f"between them nothing is known of {open_names}: one of these may be the first")
    return told
