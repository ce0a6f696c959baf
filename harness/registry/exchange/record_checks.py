"""Records checked from their bytes for an audit or a reader, a few chunks at a time, in other processes where there are some."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor, Future
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from harness.errors import ReproError, one_line
from harness.registry.intake import ingest
from harness.tlog.event import Event

CHUNK = 64
CHUNK_BYTES = 1 << 20  # of bodies: a record may have 88 MiB
AHEAD = 2  # chunks
TOLD = 300  # characters of what is wrong: a record's own text may be in it, and there may be many records
Verdict = tuple[str, dict[str, Any] | None, list["Fault"]]  # id, its row for the table, what is wrong


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that does not hold."""

    where: str
    what: str
    record: str = ""  # whose bytes do not hold: then the log and every other record may


@dataclass(frozen=True, slots=True)
class Pending:
    """A record whose bytes are still to be checked."""

    id: str
    where: str
    event: Event
    envelope: bytes
    samples: bytes
    demonstration: bool


def check(one: Pending) -> Verdict:
    """A record's id, its row for the table, and what is wrong with it. Runs in any process."""
    faults: list[Fault] = []
    for name, data in (("envelope", one.envelope), ("samples", one.samples)):
        if sha256(data).hexdigest() != one.event.detail[f"{name}_sha256"]:
            faults.append(Fault(one.where, f"the {name} of record {one.id[:12]} were changed", one.id))
    try:
        submission = ingest.recomputed(one.envelope, one.samples, one.id[:12])
        ingest.agrees(one.event, submission)
        ingest.taken_by(submission, demonstration=one.demonstration)
        return one.id, submission.measured.row({}), faults
    except ReproError as error:
        return one.id, None, [*faults, Fault(one.where, one_line(f"record {one.id[:12]}: {error.what}", TOLD), one.id)]
    except Exception as error:
        what = f"record {one.id[:12]}: {type(error).__name__}: {error}"
        return one.id, None, [*faults, Fault(one.where, one_line(what, TOLD), one.id)]


def verdicts(pending: Iterable[Pending], pool: Executor | None) -> Iterator[Verdict]:
    """Of each record, in order; in the pool's processes where there is one."""
    if pool is None:
        yield from map(check, pending)
        return
    # The log is folded here while records are checked there; what lies in memory is a few chunks, however large the registry.
    waiting = deque[Future[list[Verdict]]]()
    for batch in _chunks(pending):
        waiting.append(pool.submit(_check_all, batch))
        if len(waiting) > AHEAD:
            yield from waiting.popleft().result()
    for last in waiting:
        yield from last.result()


def _chunks(pending: Iterable[Pending]) -> Iterator[list[Pending]]:
    """As many as `CHUNK` at a time, and no more of them than have `CHUNK_BYTES`; one alone may have more."""
    batch: list[Pending] = []
    size = 0
    for one in pending:
        own = len(one.envelope) + len(one.samples)
        if batch and (len(batch) == CHUNK or size + own > CHUNK_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(one)
        size += own
    if batch:
        yield batch


def _check_all(batch: list[Pending]) -> list[Verdict]:
    return [check(one) for one in batch]
