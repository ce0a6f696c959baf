"""Runs that failed, as a registry tells them: what waits, what is shown, at which rows, and how many persons say so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass

from harness.errors import BadInput, NotFound, RecordInvalid, ReproError
from harness.record.outcome import STAGES, WORDS
from harness.registry.db import lookups, prefixes
from harness.registry.db import rows as rows_table
from harness.registry.db.elsewhere import Elsewhere
from harness.registry.db.reader import Reader
from harness.registry.facts import FailureFact, KeyFact
from harness.registry.intake.failures import FailedRun, Failure, checked, read
from harness.tiers.values import Status

MOST_LISTED = 100  # of the queue, where it is listed


@dataclass(frozen=True, slots=True)
class Told:
    """One operator's word that a model does not run on a device."""

    record: str
    operator: str
    entry: int
    status: str
    why: str  # reason of the newest decision
    approvals: int
    failure: Failure

    @property
    def words(self) -> str:
        """`out of memory (while loading)`."""
        return f"{WORDS[self.failure.reason]} ({STAGES[self.failure.stage]})"


def id_of(reader: Reader, prefix: str) -> str:
    """The one failure whose id begins so. Raises `NotFound`: none; `BadInput`: several."""
    wanted = prefix.lower()
    own = [name for name in reader.all(FailureFact) if name.startswith(wanted)] if prefixes.proper(wanted) else []
    if not own:
        raise NotFound("there is no such record", where=prefix[:12], fix="see: repro review, repro submissions")
    return prefixes.only(sorted(own), prefix, "record", "see: repro review, repro submissions")


def held(reader: Reader, identity: str, how: Callable[[bytes, bytes, str], FailedRun] = checked) -> FailedRun:
    """The record, checked from its bytes. Raises `RecordInvalid` where it does not hold, or is gone."""
    fact = reader.need(FailureFact, identity)
    data, samples = reader.body(fact.envelope_sha256), reader.body(fact.samples_sha256)
    if data is None or samples is None:
        raise RecordInvalid("its bytes are gone", where=identity[:12])
    found = how(data, samples, identity[:12])
    if found.id != identity or (found.claims.handle, found.failure.reason) != (fact.operator, fact.reason):
        raise RecordInvalid("is another record than its submission names", where=identity[:12], fix="run: repro audit")
    return found


def of(reader: Reader, identity: str) -> Told:
    """One, whatever its status. Raises as `held`."""
    return _told(reader, identity, reader.need(FailureFact, identity))


def found(reader: Reader, prefix: str) -> Told | None:
    """The one whose id begins so; None where it is of another record, or none. Raises as `held`."""
    try:
        return of(reader, id_of(reader, prefix))
    except NotFound:
        return None


def fact_of(reader: Reader, identity: str) -> FailureFact:
    """What the log says of it."""
    return reader.need(FailureFact, identity)


def refuse(reader: Reader, prefix: str) -> None:
    """Raises `BadInput` where the id's beginning is that of a failure: it is in no row."""
    try:
        identity = id_of(reader, prefix)
    except NotFound:
        return
    raise BadInput(
        "is of a run that failed: it is in no row, and counts for no tier",
        where=identity[:12],
        fix="repro review show prints it; name a row",
    )


def waiting(reader: Reader) -> list[str]:
    """Ids of those that no editor has decided on: the oldest of every operator, then the second of each, …, so that a flood by
    one handle displaces nobody else's.
    """
    facts = {name: fact for name, fact in reader.all(FailureFact).items() if fact.status is Status.PENDING}
    turns: dict[str, int] = {}
    placed = []
    for name, fact in sorted(facts.items(), key=lambda one: one[1].index):
        turns[fact.operator] = turns.get(fact.operator, 0) + 1
        placed.append((turns[fact.operator], fact.index, name))
    return [name for _, _, name in sorted(placed)]


@dataclass(frozen=True, slots=True)
class Unread:
    """One that waits, and that a list does not examine."""

    id: str
    operator: str
    submitted: str


@dataclass(frozen=True, slots=True)
class Listed:
    """The queue of failed runs: those that were examined, those that cannot be with the reason, and all others."""

    told: tuple[Told, ...]
    unreadable: tuple[tuple[str, str], ...]
    unread: tuple[Unread, ...]


def listed(reader: Reader, *, examine_all: bool = False, most: int = MOST_LISTED) -> Listed:
    """Of a long queue the first are examined, `most` in all, unless all are to be."""
    queue, told, unreadable = waiting(reader), list[Told](), list[tuple[str, str]]()
    most = len(queue) if examine_all else most
    for name in queue[:most]:
        try:
            told.append(of(reader, name))
        except ReproError as error:
            unreadable.append((name, error.what))
    facts = [(name, reader.need(FailureFact, name)) for name in queue[most:]]
    unread = tuple(Unread(name, fact.operator, fact.submitted) for name, fact in facts)
    return Listed(tuple(told), tuple(unreadable), unread)


def of_operator(reader: Reader, handle: str) -> list[tuple[str, FailureFact]]:
    """Of one operator, in the log's order."""
    if isinstance(reader, Elsewhere):
        return reader.failed(handle)
    return sorted(lookups.failures_of(reader, handle).items(), key=lambda one: one[1].index)


def public(reader: Reader) -> list[Told]:
    """Those that are shown, the newest first: approved, of a key that was not revoked, of each operator, device, engine and model
    the newest, unless a newer success of that operator on that device supersedes it.
    """
    newest: dict[tuple[str, ...], Told] = {}
    for name, fact in _accepted(reader):
        try:
            told = _told(reader, name, fact)
        except ReproError:
            continue  # it does not hold: an audit names it
        place = (told.operator, told.failure.device, *told.failure.subject)
        if place not in newest or newest[place].entry < told.entry:
            newest[place] = told
    found = [told for told in newest.values() if not _superseded(reader, told)]
    return sorted(found, key=lambda told: -told.entry)


def _accepted(reader: Reader) -> Iterator[tuple[str, FailureFact]]:
    for name, fact in reader.all(FailureFact).items():
        key = reader.get(KeyFact, fact.key)
        revoked = key is not None and key.revoked_from is not None and key.revoked_from <= fact.index
        if fact.status is Status.ACCEPTED and not fact.dropped and not revoked:
            yield name, fact


def _superseded(reader: Reader, told: Told) -> bool:
    one = told.failure
    runs = rows_table.successes(reader, told.operator, one.subject, one.device)
    return any(index > told.entry and measured >= one.measured for index, measured in runs)


def _told(reader: Reader, identity: str, fact: FailureFact) -> Told:
    found = held(reader, identity, read).failure
    return Told(identity, fact.operator, fact.index, fact.status.value, fact.why, len(fact.approvals), found)


def at_rows(reader: Reader, found: Iterable[Told]) -> dict[str, tuple[Told, ...]]:
    """Row → the failures of its model, quantisation and engine, whatever the device; of rows whose own record is accepted."""
    by: dict[tuple[str, str, str], list[Told]] = {}
    for told in found:
        by.setdefault(told.failure.subject, []).append(told)
    return {row: tuple(own) for subject, own in by.items() for row in rows_table.of_subject(reader, subject)}


def heads(found: Iterable[Told], people: Mapping[str, str]) -> int:
    """How many persons say so."""
    return len({people.get(told.operator, told.operator) for told in found})


def line(told: Told) -> str:
    """For a terminal: who, what, on which device, with how much memory, when, and the engine's words."""
    one = told.failure
    what = f"{one.model_name} {one.quantisation}, {one.version}, on {one.device} ({one.memory}), {one.measured}"
    asked = f"; asked for {one.settings}" if one.settings else ""
    said = f"; the engine said: {one.error}" if one.error else ""
    return f"{told.record[:12]}  {told.operator}: {told.words}  {what}{asked}{said}"


def plain(told: Told) -> dict[str, object]:
    """For JSON."""
    return {"record": told.record, "operator": told.operator, "status": told.status, **asdict(told.failure)}
