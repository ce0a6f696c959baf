"""What the agent knows, on disk: small files that are whole or not there. A kill leaves what the next start continues.

`job.json`: the one request that is under way. `done/REQUEST.json`: how others ended. `waiting/REQUEST.json`: what waits for its
owner's word, `approved/REQUEST`: what has it. `results/REQUEST…/`: records and journals.
"""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Literal

from harness import paths, state_files
from harness.agent.jobs import Digest, Job
from harness.catalog.toml_file import Part
from harness.catalog.triples import Triple
from harness.errors import RecordInvalid
from harness.files import locked, write_bytes
from harness.record import store
from harness.state_files import P, made, utc

_LIMIT = 1 << 20
MOST_WAITING = 200  # requests for their owner's word


class Stage(StrEnum):
    """How far a job is."""

    TAKING = "taking"  # its lease is not acknowledged
    MEASURING = "measuring"
    SENT = "sent"  # its record is in the registry's queue


class Ending(StrEnum):
    """Of a job that is over on this machine."""

    ANSWERED = "answered"  # a record is in the queue
    FAILED = "failed"  # the engine, the run, or the record's own checks
    REFUSED = "refused"  # it can't be run here


class Current(Part):
    """The job under way."""

    format: Literal[1] = 1
    job: Job
    lease: Digest
    triple: Triple
    stage: Stage
    looked: bool = False  # after the run, and nothing disturbed the machine
    record: str = ""  # id, once it is in the queue


class Ended(Part):
    """How a job ended, and why in one line."""

    request: Digest
    what: str
    ending: Ending
    reason: str = ""
    record: str = ""  # its folder
    at: str


@dataclass(frozen=True, slots=True)
class State:
    """Of one registry."""

    folder: Path
    origin: str

    @contextmanager
    def alone(self) -> Iterator[None]:
        """One agent of this user works at a time. Raises `Conflict`."""
        with locked(self.folder.parent / "lock", "another agent of this user is running"):
            yield

    def current(self) -> Current | None:
        """The job under way. Raises `RecordInvalid` for a damaged file."""
        return _read(self.folder / "job.json", Current)

    def keep(self, current: Current) -> None:
        """From now on this is under way."""
        _write(self.folder / "job.json", current)

    def drop(self) -> None:
        """Nothing is under way."""
        (self.folder / "job.json").unlink(missing_ok=True)

    def end(self, ended: Ended) -> None:
        """It is over; nothing is under way."""
        _write(self.folder / "done" / f"{ended.request}.json", ended)
        for name in (f"waiting/{ended.request}.json", f"approved/{ended.request}"):
            (self.folder / name).unlink(missing_ok=True)
        self.drop()

    def ended(self) -> list[Ended]:
        """All that is over, the oldest first."""
        return sorted(self._all("done", Ended), key=lambda one: one.at)

    def over(self, request: str) -> bool:
        """Whether this machine is through with it."""
        return (self.folder / "done" / f"{request}.json").exists()

    def may_wait(self, request: str, offered: Callable[[], Collection[str]]) -> bool:
        """Whether it waits, or may: where as many wait as may, those go that nobody offers any more."""
        folder = self.folder / "waiting"
        there = [path.stem for path in folder.glob("*.json")]
        if request in there or len(there) < MOST_WAITING:
            return True
        still = offered()
        gone = [one for one in there if one not in still]
        for one in gone:
            (folder / f"{one}.json").unlink(missing_ok=True)
        return bool(gone)

    def wait(self, job: Job) -> bool:
        """It waits for its owner's word; whether that is new."""
        path = self.folder / "waiting" / f"{job.request}.json"
        if path.exists():
            return False
        _write(path, job)
        return True

    def waiting(self) -> list[Job]:
        """Those without a word."""
        return [one for one in self._all("waiting", Job) if not self.approved(one.request)]

    def approve(self, request: str) -> None:
        """Its owner's word; also to try again what ended here."""
        (self.folder / "done" / f"{request}.json").unlink(missing_ok=True)
        path = self.folder / "approved" / request
        made(path.parent)
        write_bytes(path, utc().encode())

    def approved(self, request: str) -> bool:
        """Whether it has it."""
        return (self.folder / "approved" / request).exists()

    def results(self, request: str) -> Path:
        """The folder of its record and journal."""
        return self.folder / "results" / request[:16]

    def measured(self, request: str) -> bool:
        """Whether there is a record of it."""
        return self.results(request).is_dir() and bool(store.below(self.results(request)))

    def put_aside(self, request: str) -> Path | None:
        """Out of the way of another try, with what is in it; where it lies then. None where there is nothing."""
        folder = self.results(request)
        if not folder.exists():
            return None
        return folder.rename(folder.with_name(f"{folder.name}-{time.time_ns()}"))

    def discard(self, request: str) -> None:
        """Throw away a journal that nobody will continue."""
        shutil.rmtree(self.results(request), ignore_errors=True)

    def _all(self, name: str, kind: type[P]) -> list[P]:
        found = []
        for path in sorted((self.folder / name).glob("*.json")):
            with contextlib.suppress(RecordInvalid):
                one = _read(path, kind)
                found += [one] if one is not None else []
        return found


def home() -> Path:
    """Where it is."""
    return paths.config() / "agent"


def of(origin: str) -> State:
    """The state for the registry of that name."""
    return State(home() / sha256(origin.encode()).hexdigest()[:16], origin)


def _write(path: Path, value: Part) -> None:
    made(path.parent)  # a full disk ends no agent: it waits, and asks again
    state_files.write(path, value)


def _read(path: Path, kind: type[P]) -> P | None:
    return state_files.read(path, kind, _LIMIT, "agent", "remove it: the job is looked for again")
