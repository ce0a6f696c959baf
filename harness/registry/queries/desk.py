"""What editors ask of a registry before they decide: the queue in short, and one record of it, whether of a failed run or not.

A service answers with these; over a URL the same questions go to the service (`Elsewhere`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.errors import NotAllowed, NotFound, RecordInvalid, ReproError, one_line
from harness.progress import SILENT, Progress
from harness.registry.db.elsewhere import Elsewhere
from harness.registry.db.reader import Reader
from harness.registry.facts import EditorsFact, FailureFact, RecordFact
from harness.registry.facts.stored import dump
from harness.registry.queries import failures
from harness.registry.queries.believed import Doubt
from harness.registry.queries.failures import Told, Unread
from harness.registry.queries.queue import Queue, shown
from harness.registry.queries.queue import listed as listed_here
from harness.registry.queries.review import Dossier, Waiting, first_examined, glance, queue
from harness.registry.store import Registry
from harness.tlog.event import HEX


@dataclass(frozen=True, slots=True)
class Broken:
    """A record of the queue that can't be examined, and why."""

    id: str
    why: str


@dataclass(frozen=True, slots=True)
class Brief:
    """The queue before anything of it is examined, oldest first."""

    records: tuple[Waiting, ...]
    examine: tuple[str, ...]  # ids that a list examines
    broken: tuple[Broken, ...]
    failures: tuple[Told, ...]  # runs that failed
    broken_failures: tuple[Broken, ...]
    more_failures: int  # that a list does not examine
    unread_failures: tuple[Unread, ...] = ()  # those; a service of before told how many alone


@dataclass(frozen=True, slots=True)
class Listed:
    """The queue as a command lists it."""

    queue: Queue
    failures: tuple[Told, ...]
    broken_failures: tuple[Broken, ...]
    unread_failures: tuple[Unread, ...]
    unnamed_failures: int = 0  # more that wait, of which a service of before tells nothing else


@dataclass(frozen=True, slots=True)
class Subject:
    """A record that an editor names by the beginning of its id."""

    id: str
    failed: bool  # a run that failed
    row: str  # where it is; "" of a failure
    home: str  # the open row of its subject and device, other than itself; "" where there is none


@dataclass(frozen=True, slots=True)
class Examined:
    """All that a registry says of one record: one of both."""

    dossier: Dossier | None
    failure: Told | None
    doubts: tuple[Doubt, ...]  # records of its row that do not hold


def brief(reader: Reader, *, examine_all: bool = False) -> Brief:
    """See `Brief`."""
    waiting = queue(reader)
    examine = set(waiting) if examine_all else first_examined(reader, waiting)
    found: list[Waiting] = []
    broken: list[Broken] = []
    for identity in waiting:
        try:
            found.append(glance(reader, identity))
        except ReproError as error:
            broken.append(Broken(identity, one_line(f"cannot be examined: {error.what}")))
    failed = failures.listed(reader, examine_all=examine_all)
    return Brief(
        tuple(found),
        tuple(identity for identity in waiting if identity in examine),
        tuple(broken),
        failed.told,
        tuple(Broken(*one) for one in failed.unreadable),
        len(failed.unread),
        failed.unread,
    )


def subject_of(reader: Reader, prefix: str) -> Subject:
    """By the beginning of its id, of all records. Raises `NotFound`: none; `BadInput`: several."""
    if isinstance(reader, Elsewhere):
        return reader.subject(prefix)
    try:
        return Subject(failures.id_of(reader, prefix), failed=True, row="", home="")
    except NotFound:
        # One whose bytes were taken down is in the log alone.
        identity = prefix if HEX.fullmatch(prefix) and reader.get(RecordFact, prefix) else reader.id_of(prefix)
    fact = reader.need(RecordFact, identity)
    return Subject(identity, failed=False, row=fact.row, home=reader.home_of(identity) or "")


def is_failure(registry: Registry, prefix: str) -> bool:
    """Whether the record whose id begins so is of a run that failed. Raises as `subject_of`."""
    with registry.reading() as reader:
        return subject_of(reader, prefix).failed


def subject_and_fact(reader: Reader, prefix: str) -> tuple[Subject, dict[str, Any]]:
    """As `subject_of`, with what the log says of it."""
    found = subject_of(reader, prefix)
    return found, dump(_fact(reader, found))


def _fact(reader: Reader, found: Subject) -> RecordFact | FailureFact:
    return reader.need(FailureFact, found.id) if found.failed else reader.need(RecordFact, found.id)


def examined(registry: Registry, prefix: str) -> Examined:
    """See `Examined`. Raises `BadInput`."""
    with registry.reading() as reader:
        if isinstance(reader, Elsewhere):
            return reader.examined(prefix)
        subject = subject_of(reader, prefix)
        if subject.failed:
            return Examined(None, failures.of(reader, subject.id), ())
    dossier, doubts = shown(registry, subject.id)
    return Examined(dossier, None, doubts)


def listed(registry: Registry, *, examine_all: bool = False, progress: Progress = SILENT) -> Listed:
    """As `queue.listed`, with the runs that failed. Over a URL each record is asked for by itself: one may take a second."""
    if registry.elsewhere:
        with registry.reading() as reader:
            assert isinstance(reader, Elsewhere)  # noqa: S101 - what is elsewhere reads so
            told = reader.brief(examine_all=examine_all)
            found = _asked(reader, told, progress)
    else:
        found = listed_here(registry, examine_all=examine_all, progress=progress)
        with registry.reading() as reader:
            failed = failures.listed(reader, examine_all=examine_all)
        return Listed(found, failed.told, tuple(Broken(*one) for one in failed.unreadable), failed.unread)
    unnamed = max(told.more_failures - len(told.unread_failures), 0)
    return Listed(found, told.failures, told.broken_failures, told.unread_failures, unnamed)


def _asked(reader: Elsewhere, told: Brief, progress: Progress) -> Queue:
    examine = set(told.examine)
    found: list[Dossier | Waiting] = []
    broken = [(one.id, one.why) for one in told.broken]
    doubts: dict[str, Doubt] = {}
    for done, one in enumerate(told.records, 1):
        if one.id not in examine:
            found.append(one)
            continue
        progress.advance("examining records", done, len(told.records))
        try:
            answer = reader.examined(one.id)
        except RecordInvalid as error:
            broken.append((one.id, one_line(error.what)))
            continue
        doubts |= {doubt.record: doubt for doubt in answer.doubts}
        found.append(one if answer.dossier is None else answer.dossier)
    queued = {one.id for one in told.records}
    left_out = tuple(doubts[name] for name in sorted(doubts.keys() - queued))
    waiting = len(told.records) + len(told.broken)
    return Queue(tuple(found), tuple(broken), left_out, waiting, waiting - len(told.broken) - len(examine))


def bodies(reader: Reader, prefix: str) -> tuple[bytes, bytes]:
    """Envelope and samples of a record, as they came. Raises `NotFound`: no such record, or its bytes are gone."""
    subject = subject_of(reader, prefix)
    fact = _fact(reader, subject)
    data, samples = reader.body(fact.envelope_sha256), reader.body(fact.samples_sha256)
    if data is None or samples is None:
        raise NotFound("its bytes are gone", where=subject.id[:12], fix="they were taken down")
    return data, samples


def for_editors(reader: Reader, handle: str, *, editor: bool, today: str) -> None:
    """Raises `NotAllowed` for everybody whose decision would not count today."""
    document = reader.need(EditorsFact)
    if not editor or handle not in document.editors:
        raise NotAllowed("is for the editors of this registry", where=handle[:40], fix="sign with an editor's key")
    if today > document.expires:
        raise NotAllowed(
            f"the list of editors expired on {document.expires}",
            where="editors",
            fix="renew it: repro registry editors",
        )
