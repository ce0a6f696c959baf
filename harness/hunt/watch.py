"""The newest release of a runtime against the last one on this machine: a point a night, until two agree.

On disk below `watch/RUNTIME-MODEL-SUITE-METRIC/` of the results: `NEWEST-after-LAST/point-01/newest/` and `…/last/`, each with a
record; other options, another backend or a path of a model put a digest of them behind that name. The step to watch is read from
there: what was the newest before, and ran, is the last one now. Without a history the last one is the pinned release.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path

from harness.errors import BadInput, Conflict, Interrupted, NotEnoughSpace, RunFailed, Unavailable
from harness.files import locked
from harness.hunt import beside, releases
from harness.hunt.batch import Batch, read_batch
from harness.hunt.beside import Begin, SideFailed, side
from harness.hunt.points import PAIRS, SUCCESSIVE, Judged, Point, Standing, judge, point
from harness.hunt.question import Candidate, Question, slug
from harness.hunt.ready import ready
from harness.progress import Progress
from harness.record.keys import Signers
from harness.record.store import Stored
from harness.run.prepare import environments, lock_file
from harness.run.prepare.package_index import Answer
from harness.run.request import Request
from harness.state_files import made
from runtimes import releases as grammar
from runtimes.recipes import Recipe

FOLDER = "watch"
SIDES = ("newest", "last")
_STEP = re.compile(r"(?P<newest>.+)-after-(?P<last>.+)")
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,40}")  # a model's name that stands whole in a folder's
Prepare = Callable[[Question, Candidate, Path, Progress], Request]


@dataclass(frozen=True, slots=True)
class Step:
    """From `last` to `newest`."""

    newest: str
    last: str

    @property
    def folder_name(self) -> str:
        """Of its points."""
        return f"{self.newest}-after-{self.last}"


@dataclass(frozen=True, slots=True)
class Watched:
    """How one runtime stands: its step, the points so far, what they say; `measured` tonight.

    `note`: why nothing was measured; `failed`: that this is an error. `dropped`: why nights that were measured do not count.
    """

    runtime: str
    step: Step | None
    points: tuple[Point, ...] = ()
    judged: Judged | None = None
    measured: bool = False
    note: str = ""
    failed: bool = False
    records: tuple[Path, ...] = ()  # of the last two points that count, for a registry
    dropped: tuple[str, ...] = ()

    @property
    def candidate(self) -> bool:
        """Whether two successive points show the same change."""
        return self.judged is not None and self.judged.standing is Standing.CANDIDATE


def next_step(history: Sequence[Step], answer: Answer, recipe: Recipe, pinned: str) -> Step | None:
    """What is to be watched; None where there is one release only. Pure.

    A newest release that the history knows stays held against what it was held against. A newer one is held against the newest
    that this machine has watched and that can still be had; without such a one, against the pinned release, or the one before
    where that is it.
    """
    newest = releases.newest(answer, recipe)
    if not newest:
        return None
    known = next((one for one in history if one.newest == newest), None)
    if known is not None:
        return known
    usable = {one.release for one in answer.releases if one.usable}
    older = [
        one.newest for one in history if one.newest in usable and grammar.order(one.newest) < grammar.order(newest)
    ]
    if older:
        return Step(newest, max(older, key=grammar.order))
    if pinned and grammar.order(pinned) < grammar.order(newest):
        return Step(newest, pinned)
    before = releases.before(answer, recipe, newest)
    return Step(newest, before) if before else None


def history(folder: Path) -> list[Step]:
    """The steps that were watched in this folder, and whose newest release ran: one that never did is nobody's last one."""
    found = (_STEP.fullmatch(path.name) for path in sorted(folder.glob("*-after-*")) if _ran(path))
    steps = (Step(match["newest"], match["last"]) for match in found if match is not None)
    return [one for one in steps if grammar.is_release(one.newest) and grammar.is_release(one.last)]


@dataclass(slots=True)
class _Nights:
    """The nights of one step: points with their records; why others do not count; `unfit`: why no other night would, either."""

    usable: list[tuple[Point, tuple[Stored, Stored]]] = field(default_factory=list)
    dropped: list[str] = field(default_factory=list)
    unfit: str = ""


def _apart(question: Question) -> str:
    """What keeps nights of other options, of another backend, of a model under another path out of a history."""
    model = "" if _PLAIN.fullmatch(question.model) else question.model
    if not (question.settings or model or question.backend not in ("", "cpu")):
        return ""
    told = json.dumps([question.backend, sorted(question.settings), model])
    return f"-{sha256(told.encode()).hexdigest()[:8]}"


def _apart_from(newest: Batch | None, batch: Batch) -> str:
    """Why a night is not held against the newest one that counts; an engine may have been built again."""
    if newest is None or batch.weights != newest.weights:
        return "the model's file was another one then"
    return "it was another machine, or another rig key, then" if batch.machine != newest.machine else ""


def _ran(step: Path) -> bool:
    """Whether its newest release was measured; the record of a failure is none."""
    return any(beside.done(point / SIDES[0]) is not None for point in step.glob("point-*"))


class Watch:
    """One runtime, tonight. `question` says model, suite, metric, options and backend; its candidates are not used."""

    def __init__(
        self,
        question: Question,
        results: Path,
        cache: Path,
        signers: Signers | None,
        begin: Begin,
        progress: Progress,
        prepare: Prepare = ready,
    ) -> None:
        self._question, self._cache, self._signers = question, cache, signers
        self._begin, self._progress, self._prepare = begin, progress, prepare
        name = "-".join(
            slug(one) for one in (question.runtime, question.model, question.suite_sha256[:8], question.metric)
        )
        self._folder = results.absolute() / FOLDER / (name + _apart(question))

    def run(self, answer: Answer) -> Watched:
        """Measure a point where one is needed. `answer`: the releases that the index has.

        Raises what a run of the last release raises; a newest release that can't be had or run is a note, not an error.
        """
        recipe = environments.recipe_of(self._question.runtime)
        package = recipe.distribution(self._question.backend)
        pinned = lock_file.version_of(recipe.lock_text(self._question.backend) or "", package).partition("+")[0]
        step = next_step(history(self._folder), answer, recipe, pinned)
        if step is None:
            return Watched(self._question.runtime, None, note="the index has one release only that the adapter drives")
        folder = made(self._folder) / step.folder_name
        with locked(self._folder / "watch.lock", "another repro watch works on this"):
            kept = self._kept(folder)
            nights = self._nights(kept)
            before = [one for one, _ in nights.usable]
            if nights.unfit or (before and judge(before).standing is not Standing.OPEN):
                return self._told(step, nights, measured=False)
            try:
                self._measure(step, folder, len(kept) + 1)
            except SideFailed as failed:
                if failed.side == 1:
                    raise failed.error from None
                return Watched(
                    self._question.runtime, step, tuple(before), note=f"{step.newest}: {failed.error}", failed=True
                )
            return self._told(step, self._nights(self._kept(folder)), measured=True)

    def _told(self, step: Step, nights: _Nights, *, measured: bool) -> Watched:
        points, dropped = tuple(one for one, _ in nights.usable), tuple(nights.dropped)
        if nights.unfit:
            note = f"{step.newest} can't be held against {step.last}: {nights.unfit}"
            return Watched(
                self._question.runtime, step, points, measured=measured, note=note, failed=True, dropped=dropped
            )
        records = tuple(record.path for _, pair in nights.usable[-SUCCESSIVE:] for record in pair)
        return Watched(self._question.runtime, step, points, judge(points), measured, records=records, dropped=dropped)

    def _kept(self, folder: Path) -> list[tuple[Stored, Stored]]:
        """The records of the points that have both, newest release's first."""
        found = [[beside.done(one / name) for name in SIDES] for one in sorted(folder.glob("point-*"))]
        return [(newest, last) for newest, last in found if newest is not None and last is not None]

    def _nights(self, kept: Sequence[tuple[Stored, Stored]]) -> _Nights:
        """Which of them count: those whose records' own checks held, and that did the same work, on the newest one's weights and
        machine.
        """
        power, found, unfit = self._question.orientation, _Nights(), 0
        asked = self._question
        read = [read_batch(last.record, newest.record, asked.workload, asked.metric) for newest, last in kept]
        newest_one = next((one for one in reversed(read) if not one.unfit and not one.dropped), None)
        for (newest, last), batch in zip(kept, read, strict=True):
            unfit = unfit + 1 if batch.unfit else 0
            found.unfit = batch.unfit if unfit >= SUCCESSIVE else ""
            if why := batch.unfit or batch.dropped or _apart_from(newest_one, batch):
                found.dropped.append(why)
            else:
                told = point([v**power for v in batch.other], [v**power for v in batch.good])
                found.usable.append((told, (newest, last)))
        return found

    def _measure(self, step: Step, folder: Path, number: int) -> None:
        self._progress.stage(f"{self._question.runtime}: {step.newest} against {step.last}, point {number}")
        sides = []
        for index, (name, release) in enumerate(zip(SIDES, (step.newest, step.last), strict=True)):
            try:
                request = self._prepare(
                    self._question, Candidate(name=release, place=release), self._cache, self._progress
                )
            except (Interrupted, NotEnoughSpace, Conflict, Unavailable):
                raise
            except (BadInput, RunFailed) as error:
                raise SideFailed(index, error) from error
            place = made(folder / f"point-{number:02d}" / name)
            sides.append(side(release, request, place, PAIRS, self._question.seed + number, self._signers))
        with beside.waiting_alone(self._progress):
            beside.measure((sides[0], sides[1]), number, self._begin, self._progress)
