"""A hunt on disk: a folder of small files that are whole or not there, and of records; a kill anywhere leaves it readable.

`question.json`: what was asked; never changes. `steps/03-0.3.33/`: one candidate against good, by its place: `batch-01/good/` and
`batch-01/other/` hold a journal while they are measured, then the record; `skipped.json` says why it can't be measured.
`result.json`: what the hunt came to, written last. What is known is read from the records, whatever else says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from harness import state_files
from harness.catalog.toml_file import Part
from harness.errors import BadInput, RecordInvalid, one_line
from harness.files import locked, write_bytes
from harness.hunt import beside
from harness.hunt.batch import Batch, read_batch
from harness.hunt.question import Question, slug
from harness.state_files import P, made, write

_LIMIT = 16 << 20
SIDES = ("good", "other")


class Skipped(Part):
    """Why a candidate can't be measured."""

    reason: str


@dataclass(frozen=True, slots=True)
class State:
    """The folder of one hunt."""

    folder: Path
    question: Question
    _read: dict[tuple[int, int], Batch] = field(default_factory=dict)  # records do not change

    def step_folder(self, place: int) -> Path:
        """Of one candidate."""
        return self.folder / "steps" / f"{place:02d}-{slug(self.question.candidates[place].name)}"

    def side_folder(self, place: int, batch: int, side: int) -> Path:
        """Where one side of a batch has its journal and its record; batches count from 1. Made where it is missing."""
        return made(self.step_folder(place) / f"batch-{batch:02d}" / SIDES[side])

    def batches(self, place: int) -> list[Batch]:
        """Those of which both records are there, in order."""
        found: list[Batch] = []
        while (one := self._batch(place, len(found) + 1)) is not None:
            found.append(one)
        return found

    def _batch(self, place: int, number: int) -> Batch | None:
        known = self._read.get((place, number))
        if known is not None:
            return known
        folder = self.step_folder(place) / f"batch-{number:02d}"
        good, other = (beside.done(folder / side) for side in SIDES)
        if good is None or other is None:
            return None
        batch = read_batch(good.record, other.record, self.question.workload, self.question.metric)
        self._read[place, number] = batch
        return batch

    def skipped(self, place: int) -> str:
        """Why the candidate can't be measured; "" where nothing says so."""
        found = _read(self.step_folder(place) / "skipped.json", Skipped)
        return "" if found is None else found.reason

    def skip(self, place: int, reason: str) -> None:
        """It can't be measured."""
        made(self.step_folder(place))
        write(self.step_folder(place) / "skipped.json", Skipped(reason=one_line(reason)))

    @property
    def over(self) -> bool:
        """Whether the hunt has come to its result."""
        return (self.folder / "result.json").exists()

    def conclude(self, result: dict[str, Any]) -> None:
        """Write what it came to."""
        write_bytes(self.folder / "result.json", json.dumps(result, indent=1).encode())


@contextmanager
def opened(results: Path, question: Question, *, resume: bool) -> Iterator[State]:
    """The hunt, for one process at a time. Without `resume` it begins, and one of the same words that is over is put aside.

    Raises `BadInput` where there is nothing to resume, or something that was not resumed, `Conflict` where another process hunts.
    """
    folder = results.absolute() / question.folder_name
    made(results.absolute())
    with locked(folder.with_name(f".{folder.name}.lock"), "another repro bisect works on this"):
        known = _read(folder / "question.json", Question)
        if known is not None and (len(known.candidates) < 2 or known.folder_name != folder.name):
            raise RecordInvalid("asks something else than this hunt", where=str(folder), fix="remove that folder")
        state = State(folder, known if resume and known is not None else question)
        if resume and known is None:
            raise BadInput("no hunt of these words was begun", where="--resume", fix="start it without --resume")
        if not resume and known is not None and not state.over:
            raise BadInput(
                "this hunt was begun and is not over",
                where=str(folder),
                fix="continue with --resume, or remove that folder",
            )
        if not resume:
            _begin(folder, question)
        yield state


def _begin(folder: Path, question: Question) -> None:
    state_files.put_aside(folder)
    write(made(folder) / "question.json", question)


def _read(path: Path, kind: type[P]) -> P | None:
    state_files.need_no_link(path, "hunt")
    return state_files.read(path, kind, _LIMIT, "hunt", "restore it, or remove that folder")
