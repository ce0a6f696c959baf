"""`repro watch`: which runtimes, the table in the terminal and for a job's page, and candidates for a registry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.catalog import models, suites
from harness.cells import markdown_text
from harness.errors import BadInput, ReproError
from harness.files import append_text
from harness.hunt.points import Standing
from harness.hunt.question import Question, workload_of
from harness.hunt.watch import Watch, Watched
from harness.run.prepare import choosing, environments, options, package_index
from harness.terminal.console import escape, out, print_json
from harness.units import count, interval, ratio
from runtimes.releases import Named
from runtimes.table import find

if TYPE_CHECKING:
    from harness.hunt.beside import Begin
    from harness.hunt.points import Point
    from harness.progress import Progress
    from harness.record.keys import Signers

HEADINGS = ("runtime", "newest", "last", "newest / last, point by point", "says")


def runtimes_of(named: Sequence[str], cache: Path) -> list[str]:
    """As named; else those that are installed here and whose releases an index has. Raises `BadInput`."""
    if named:
        for one in named:
            if not _has_releases(one):
                raise BadInput("its recipe names no package with releases", where=one, fix="see: repro runtime list")
        return list(dict.fromkeys(named))
    found = sorted({item.runtime for _, item in environments.every(cache)})
    if not found:
        raise BadInput("no runtime is installed here", where="watch", fix="name one, such as repro watch llama.cpp")
    return [one for one in found if _has_releases(one)]


def _has_releases(runtime: str) -> bool:
    recipe = environments.recipe_of(runtime)
    return any(recipe.distribution(backend) for backend in recipe.backends)


def question_of(
    runtime: str,
    model: str,
    suite: str,
    workload: str | None,
    metric: str,
    settings: Sequence[str],
    backend: str,
    cache: Path,
) -> Question:
    """What is measured of a runtime. Raises `BadInput` before the first minute."""
    loaded = suites.load(suite)
    models.resolve(model)
    adapter = find(runtime)
    options.parse(tuple(settings), adapter.options, adapter.name)
    return Question(
        runtime=runtime,
        candidates=(),
        model=model,
        suite=suite,
        suite_sha256=loaded.sha256,
        workload=workload_of(loaded, metric, workload),
        metric=metric,
        band_percent=3.0,
        settings=tuple(settings),
        backend=choosing.choice_of(Named(runtime, ""), backend, cache).backend,
        seed=0,
    )


def watched(
    question: Question, results: Path, cache: Path, signers: Signers | None, begin: Begin, progress: Progress
) -> Watched:
    """One runtime tonight; an error is its note, so that the others are watched. Raises what is no runtime's own fault."""
    from harness.errors import Interrupted, NotEnoughSpace

    try:
        answer = package_index.ask(environments.recipe_of(question.runtime), question.backend)
        return Watch(question, results, cache, signers, begin, progress).run(answer)
    except (Interrupted, NotEnoughSpace):
        raise
    except ReproError as error:
        return Watched(question.runtime, None, note=str(error), failed=True)


def need_for_registry(signers: Signers | None) -> None:
    """Raises before anything is measured where nothing could be submitted: an extra is missing, or there are no keys."""
    from harness.extras import needs

    needs("registry", "watch --registry")
    if signers is None:
        raise BadInput(
            "needs your keys: records are submitted", where="--registry", fix="run: repro keys new --handle NAME"
        )


def rows(found: Sequence[Watched]) -> list[tuple[str, ...]]:
    """Of the table, as texts."""
    return [
        (
            one.runtime,
            one.step.newest if one.step else "–",
            one.step.last if one.step else "–",
            "; ".join(map(_point, one.points)) or "–",
            says(one),
        )
        for one in found
    ]


def _point(one: Point) -> str:
    p = "p < 0.001" if one.p < 0.001 else f"p = {one.p:.3f}"
    return f"{ratio(one.ratio)} ({interval(one.low, one.high)}, {p})"


def says(one: Watched) -> str:
    """What the points come to."""
    if one.note or one.judged is None:
        return one.note
    if one.candidate:
        told = f"{one.judged.label}: two successive points"
    elif one.judged.standing is Standing.SETTLED:
        told = "no change in two successive points"
    else:
        told = "another point is needed"
    if one.dropped:
        told += f"; {count(len(one.dropped), 'point')} not counted, the last: {one.dropped[-1]}"
    return told


def print_watched(found: Sequence[Watched]) -> None:
    """A block a runtime."""
    for one, cells in zip(found, rows(found), strict=True):
        head = f"{one.runtime}: {cells[1]} after {cells[2]}" if one.step else one.runtime
        out().print(f"{escape(head)}: {escape(says(one))}", soft_wrap=True, highlight=False)
        for number, point in enumerate(one.points, 1):
            out().print(f"  point {number}: {_point(point)}", markup=False, soft_wrap=True, highlight=False)


def markdown(found: Sequence[Watched]) -> str:
    """The same as Markdown, for the page of a CI job."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    body = [line([markdown_text(cell) for cell in row]) for row in rows(found)]
    told = (
        "A candidate needs p < 0.001, 5 % and two successive points; it says nothing sure about a version. "
        "`repro bisect` finds the first release that changed."
    )
    return "\n".join(["## The newest releases", "", line(HEADINGS), line(["---"] * len(HEADINGS)), *body, "", told, ""])


def to_json(found: Sequence[Watched], submitted: Sequence[str]) -> dict[str, Any]:
    """As JSON prints it."""
    listed = [
        asdict(one) | {"candidate": one.candidate, "says": says(one), "records": [str(path) for path in one.records]}
        for one in found
    ]
    return {"runtimes": listed, "submitted": list(submitted)}


def ended(found: Sequence[Watched], summary: Path | None, target: str | None, *, as_json: bool) -> int:
    """Tell of it, here, on the job's page and at the registry; the exit status: 3 where a runtime could not be watched."""
    if summary is not None:
        append_text(summary, markdown(found))
    sent = [] if target is None else submit_candidates(target, found)
    if as_json:
        print_json(to_json(found, sent))
    else:
        print_watched(found)
        for one in sent:
            out().print(f"submitted {one[:12]}", markup=False)
    return 3 if any(one.failed for one in found) else 0


def submit_candidates(target: str, found: Sequence[Watched]) -> list[str]:
    """Put the records of every candidate into the registry's queue; the ids of those that it did not have.

    A registry's regressions follow from the records that its editors accepted: these are what opens a candidate there.
    """
    from harness.record import private
    from harness.record.store import read
    from harness.registry.actions.acts import Wish
    from harness.registry.actions.submissions import already, send
    from harness.registry.intake.ingest import recomputed
    from harness.terminal.keys import introduced
    from harness.terminal.registry_option import as_operator, open_for_writing

    actor, registry = as_operator(), open_for_writing(target)
    sent = []
    for path in [path for one in found if one.candidate for path in one.records]:
        stored = read(path)
        data = stored.envelope()
        if data is None:
            raise BadInput("is not signed", where=str(path), fix="run: repro sign, then repro submit")
        submission, note = recomputed(data, stored.samples(), str(path)), private.read(path.parent)
        if already(registry, actor, submission, note) is None:
            send(
                registry, actor, submission, note, Wish(row="", idempotency="", request=""), introduced(registry, actor)
            )
            sent.append(submission.id)
    return sent
