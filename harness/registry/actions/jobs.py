"""Whose turn it is to do what is done beside the log, and what came of it.

On PostgreSQL who does a job locks its row for as long: a process that dies gives it up with its connection. SQLite locks no rows,
and its processes are on one machine: there a lock of the job's own, such as that of a site's folder, keeps others out.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from harness.registry.db import jobs
from harness.registry.db.reader import Reader
from harness.registry.queries.jobs import Done, Work
from harness.registry.store import Registry


def site(folder: Path) -> str:
    """The name of the job that keeps the site in that folder of this machine."""
    return "site:" + sha256(f"{platform.node()}:{folder.resolve()}".encode()).hexdigest()[:32]


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to do a job now. `before`: what was done last, by whatever process; None: nothing yet."""

    name: str
    before: Done | None
    _registry: Registry
    _own: Reader | None  # of the transaction that holds the row

    def done(self, work: Work) -> None:
        """It was done, for the log as `work` names it."""
        now = _ms()
        values: dict[str, int | str] = {"entries": work.entries, "signed": work.signed, "day": work.day, "done_ms": now}
        self._put({**values, "tried_ms": now, "failures": 0, "error": ""})

    def failed(self, code: str) -> None:
        """It was tried. `code`: of the error, a word."""
        failures = (self.before.failures if self.before is not None else 0) + 1
        self._put({"tried_ms": _ms(), "failures": failures, "error": code[:64]})

    def _put(self, values: dict[str, int | str]) -> None:
        if self._own is not None:
            jobs.put(self._own, self.name, values)
            return
        with self._registry.counting() as reader:
            jobs.put(reader, self.name, values)


@contextmanager
def turn(registry: Registry, name: str) -> Iterator[Turn | None]:
    """The turn until the block ends; None where another process has it. Raises `Unavailable` where the database fails."""
    with registry.reading() as reader:
        found = jobs.row(reader, name)
    if found is None:
        with registry.counting() as reader:
            jobs.add(reader, name)
    if not registry.locks_rows:
        yield Turn(name, None if found is None else Done.of(found), registry, None)
        return
    with registry.beside() as reader:
        held = jobs.row(reader, name, lock=True)
        yield None if held is None else Turn(name, Done.of(held), registry, reader)


def _ms() -> int:
    return time.time_ns() // 1_000_000
