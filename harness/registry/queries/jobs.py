"""What is done beside the log: what a job works on, and what was done last."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from harness.registry.db import checkpoints, jobs
from harness.registry.db.reader import Reader


@dataclass(frozen=True, slots=True)
class Work:
    """What a page may depend on: entries of the log, entries below its newest checkpoint, the day (UTC), and what witnesses have
    added to that checkpoint, which no row of the table of jobs holds.
    """

    entries: int
    signed: int
    day: str
    cosigned: str = ""


@dataclass(frozen=True, slots=True)
class Done:
    """`work`: for which it was last done well, at `done_ms` since 1970; entries -1: never. `failures` since then."""

    work: Work
    done_ms: int
    failures: int
    error: str

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """A row of the table."""
        work = Work(int(row["entries"]), int(row["signed"]), str(row["day"]))
        return cls(work, int(row["done_ms"]), int(row["failures"]), str(row["error"]))


def work(reader: Reader) -> Work:
    """What there is to show now."""
    today = datetime.now(UTC).date().isoformat()
    return Work(reader.size(), checkpoints.newest_size(reader), today, checkpoints.cosigned(reader))


def last(reader: Reader, name: str) -> Done | None:
    """Of the job; None where nobody has begun it."""
    found = jobs.row(reader, name)
    return None if found is None else Done.of(found)


def told(reader: Reader, name: str) -> dict[str, Any] | None:
    """For who looks after a service: entries that are shown, those that are not yet, age in seconds, failures and their code."""
    found = last(reader, name)
    if found is None:
        return None
    shown = max(found.work.entries, 0)
    age = None if not found.done_ms else int(datetime.now(UTC).timestamp() - found.done_ms / 1000)
    return {
        "entries": shown,
        "behind": max(reader.size() - shown, 0),
        "age_s": age,
        "failures": found.failures,
        "error": found.error,
    }
