"""A fleet on disk: a folder that every node sees, of small files that are whole or not there; a kill leaves it readable.

`plan.json`: what was started; never changes. `batches/0001.json`: what is handed to the executor, written before;
`batches/0001.handle`: how the executor calls it, written after. `jobs/00007/`: its lock, its attempts, its results (the run's
record and journal), and `outcome.json` once it is over. `drained/NODE.json`: why a node takes no more jobs. `cancelled`: no job
begins. `logs/`: what the jobs printed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field, field_validator

from harness import state_files
from harness.catalog.matrices import Loaded
from harness.catalog.toml_file import Part
from harness.errors import BadInput, NotFound, RecordInvalid
from harness.files import read_if_there, write_bytes
from harness.fleet.outcome import Outcome
from harness.fleet.plan import Job, Name, Number, Plan
from harness.state_files import P, made, seconds_of, utc, write

FOLDER = ".fleet"
_LIMIT = 64 << 20


class Batch(Part):
    """Jobs of one node, handed over together: the executor runs one at a time, in this order. `number` from 1."""

    number: int = Field(ge=1)
    node: Name
    jobs: tuple[Number, ...]


class Attempt(Part):
    """A job began. `seconds`: how long it took where it was cut off; 0 where an outcome tells; None: it runs, or was killed."""

    by: str
    started_utc: str
    seconds: float | None = Field(default=None, ge=0, allow_inf_nan=False)

    @field_validator("started_utc")
    @classmethod
    def _a_time(cls, value: str) -> str:
        seconds_of(value)
        return value


class Drained(Part):
    """Why a node takes no more jobs of this fleet."""

    reason: str
    since_utc: str


@dataclass(frozen=True, slots=True)
class State:
    """The folder of one fleet; `plan` as it was started."""

    folder: Path
    plan: Plan
    _known: dict[int, tuple[tuple[int, ...], Outcome]] = field(default_factory=dict, repr=False, compare=False)

    def job_folder(self, number: int) -> Path:
        """Of one job; made where it is missing."""
        return made(self.folder / "jobs" / f"{number:05d}")

    def results(self, number: int) -> Path:
        """Where a job's record and journal are."""
        return self.job_folder(number) / "results"

    def log(self, name: str) -> Path:
        """What a job, or an executor, printed."""
        return made(self.folder / "logs") / f"{name}.log"

    def outcome(self, number: int) -> Outcome | None:
        """How a job ended; None while it has not. Raises `RecordInvalid` for a damaged file.

        A file is read once: whoever watches a fleet asks several times a second, beside what is measured.
        """
        path = self._outcome(number)
        version = _version(path)
        if version is None:
            return None
        if number in self._known and self._known[number][0] == version:
            return self._known[number][1]
        found = _read(path, Outcome)
        if found is None:
            return None
        if (found.number, found.node) != (number, self.plan.jobs[number].node):
            raise RecordInvalid(
                "is of another job, or of another node", where=str(path), fix="remove it: the job runs again"
            )
        self._known[number] = version, found
        return found

    def outcomes(self) -> dict[int, Outcome]:
        """Of every job that is over."""
        found = ((job.number, self.outcome(job.number)) for job in self.plan.jobs)
        return {number: one for number, one in found if one is not None}

    def conclude(self, outcome: Outcome) -> None:
        """Write how a job ended. The job's lock is held, and it has no outcome yet."""
        self.job_folder(outcome.number)
        write(self._outcome(outcome.number), outcome)

    def reopen(self, number: int) -> None:
        """A job that is over may run again: its outcome, and the record of it, are kept under other names."""
        now, outcome = time.time_ns(), self.outcome(number)
        if outcome is not None and outcome.record is not None:
            results = self.results(number)
            results.rename(results.with_name(f"results-{now}"))
        path = self._outcome(number)
        with contextlib.suppress(FileNotFoundError):
            path.rename(path.with_name(f"outcome-{now}.json"))

    def reopened(self, number: int) -> int:
        """How often."""
        return len(list((self.folder / "jobs" / f"{number:05d}").glob("outcome-*.json")))

    def _outcome(self, number: int) -> Path:
        return self.folder / "jobs" / f"{number:05d}" / "outcome.json"

    def begin_attempt(self, number: int, what: str) -> int:
        """Note that a job begins, under its lock; how often it has begun by now."""
        folder = made(self.job_folder(number) / "attempts")
        before = self._attempts(number)
        if before and before[-1].seconds is None:  # killed: later on nobody can tell when
            self._end(number, len(before), self._until_its_last_sign(number, before[-1]))
        count = len(before) + 1
        write(folder / f"{count:04d}.json", Attempt(by=what, started_utc=utc()))
        return count

    def end_attempt(self, number: int, seconds: float) -> None:
        """Note how long the last one took that no outcome tells of: it was cut off. 0: an outcome does."""
        if count := self.attempts(number):
            self._end(number, count, seconds)

    def earlier_s(self, number: int) -> float:
        """Seconds of a job that its outcome, if it has one, does not tell of: attempts that were cut off, outcomes before."""
        attempts = self._attempts(number)
        spent = sum(one.seconds or 0.0 for one in attempts)
        if attempts and attempts[-1].seconds is None and self.outcome(number) is None:
            spent += self._until_its_last_sign(number, attempts[-1])
        for path in (self.folder / "jobs" / f"{number:05d}").glob("outcome-*.json"):
            before = _read(path, Outcome)
            spent += 0.0 if before is None else before.job_s
        return spent

    def spent_s(self, number: int) -> float:
        """All that a job took of its node until now."""
        outcome = self.outcome(number)
        return self.earlier_s(number) if outcome is None else outcome.job_s + outcome.earlier_s

    def _attempts(self, number: int) -> list[Attempt]:
        paths = sorted((self.folder / "jobs" / f"{number:05d}" / "attempts").glob("*.json"))
        return [one for path in paths if (one := _read(path, Attempt)) is not None]

    def _end(self, number: int, count: int, seconds: float) -> None:
        path = self.folder / "jobs" / f"{number:05d}" / "attempts" / f"{count:04d}.json"
        begun = _read(path, Attempt)
        if begun is not None:
            write(path, begun.model_copy(update={"seconds": round(seconds, 3)}))

    def _until_its_last_sign(self, number: int, attempt: Attempt) -> float:
        """Of one that was killed: until the newest file of its run, which it writes after each process."""
        began = seconds_of(attempt.started_utc)
        signs = [0.0]
        for place, _, names in os.walk(self.folder / "jobs" / f"{number:05d}" / "results"):
            for name in names:
                with contextlib.suppress(OSError):
                    signs.append(os.lstat(os.path.join(place, name)).st_mtime)  # noqa: PTH118
        return max(0.0, max(signs) - began)

    def attempts(self, number: int) -> int:
        """How often a job has begun."""
        return len(list((self.folder / "jobs" / f"{number:05d}" / "attempts").glob("*.json")))

    def batches(self) -> list[Batch]:
        """All that were, or were about to be, handed over."""
        found = []
        for path in sorted((self.folder / "batches").glob("*.json")):
            batch = _read(path, Batch)
            if batch is not None:
                self._refuse_foreign(batch, path)
                found.append(batch)
        return found

    def _refuse_foreign(self, batch: Batch, path: Path) -> None:
        """A batch that was edited may not run, or count, what the plan has on another node."""
        if any(one >= len(self.plan.jobs) or self.plan.jobs[one].node != batch.node for one in batch.jobs):
            raise RecordInvalid("names jobs that the plan does not have on its node", where=str(path), fix="restore it")

    def new_batch(self, node: str, jobs: Sequence[Job]) -> Batch:
        """Write down what is about to be handed over; the state's lock is held."""
        folder = made(self.folder / "batches")
        number = max((one.number for one in self.batches()), default=0) + 1
        batch = Batch(number=number, node=node, jobs=tuple(job.number for job in jobs))
        write(folder / f"{number:04d}.json", batch)
        return batch

    def handle(self, batch: Batch) -> str | None:
        """How the executor calls it; "" where it never got it; None where that is not known."""
        data = read_if_there(self.folder / "batches" / f"{batch.number:04d}.handle", 4096, "the batch's handle")
        return None if data is None else data.decode(errors="replace").strip()

    def note_handle(self, batch: Batch, handle: str) -> None:
        """The executor has it under that name; "": it never will."""
        write_bytes(self.folder / "batches" / f"{batch.number:04d}.handle", handle.encode())

    def drained(self) -> dict[str, Drained]:
        """The nodes that take no more jobs."""
        found = {path.stem: _read(path, Drained) for path in sorted((self.folder / "drained").glob("*.json"))}
        return {node: one for node, one in found.items() if one is not None}

    def drain(self, node: str, reason: str) -> None:
        """Take a node out of the plan."""
        write(made(self.folder / "drained") / f"{node}.json", Drained(reason=reason, since_utc=utc()))

    def undrain(self) -> None:
        """Let every node be tried again."""
        shutil.rmtree(self.folder / "drained", ignore_errors=True)

    @property
    def cancelled(self) -> bool:
        """Whether no job may begin."""
        return (self.folder / "cancelled").exists()

    def cancel(self) -> None:
        """Let no job begin."""
        write_bytes(self.folder / "cancelled", utc().encode())

    def uncancel(self) -> None:
        """Let them begin again."""
        (self.folder / "cancelled").unlink(missing_ok=True)


def place(results: Path, loaded: Loaded) -> Path:
    """The folder of the fleet that this matrix starts."""
    return results.absolute() / FOLDER / f"{loaded.matrix.name}-{loaded.sha256[:12]}"


def create(folder: Path, plan: Plan) -> State:
    """A new fleet. The plan is written last: a folder without one is as good as not there."""
    write(made(folder) / "plan.json", plan)
    return State(folder, plan)


def open_state(folder: Path) -> State | None:
    """The fleet in a folder; None where none was started. Raises `RecordInvalid` for a damaged one."""
    plan = _read(folder / "plan.json", Plan, "continue with the release that began it, or remove that folder")
    return None if plan is None else State(folder, plan)


def need_state(results: Path, loaded: Loaded) -> State:
    """The fleet of a matrix. Raises `NotFound` where none was started: the file may have been changed since."""
    found = open_state(place(results, loaded))
    if found is None:
        raise NotFound(
            "no fleet of this matrix, as it is now, was started",
            where=loaded.matrix.name,
            fix="run: repro fleet run FILE; a changed matrix is another one",
        )
    return found


def _version(path: Path) -> tuple[int, ...] | None:
    """Of a file that is always replaced as a whole; None where there is none."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise BadInput(f"the fleet's state can't be read ({error.strerror})", where=str(path)) from error
    return found.st_ino, found.st_mtime_ns, found.st_size


def _read(path: Path, kind: type[P], fix: str = "restore it, or remove it: its job then runs again") -> P | None:
    state_files.need_no_link(path, "fleet")
    return state_files.read(path, kind, _LIMIT, "fleet", fix)
