"""The tables `answers` and `failures`: records by the request that they answer, failed runs by operator and status. And the facts
`last-act`: the newest act about each thing that acts turn to and fro.

All follow from the log, and say in `jobs` for how many entries of it they hold. A program that does not know them may have
written since: then the facts of records and the newer events themselves are gone through; whoever writes next makes all again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import cast

from sqlalchemy import delete, func, select, text

from harness.errors import RecordInvalid, ReproError
from harness.record import envelope
from harness.registry.db import tables
from harness.registry.db.reader import Reader, chunks
from harness.registry.facts import F, Fact, FailureFact, LastActFact, RecordFact
from harness.registry.facts.stored import parse, stored
from harness.registry.rules.turning import thing
from harness.tiers.values import Status
from harness.tlog import event

# "lookups" is what a program between migration 0008 and decision 0144 wrote: it counted entries whose acts it had not looked at.
_JOB = "lookups and acts"
_ANSWER = text("INSERT INTO answers (record, request) VALUES (:record, :request) ON CONFLICT (record) DO NOTHING")
_FAILURE = text(
    "INSERT INTO failures (record, operator, status) VALUES (:record, :operator, :status) "
    "ON CONFLICT (record) DO UPDATE SET status = excluded.status"
)
_ACT = text(
    "INSERT INTO facts (kind, name, value, key) VALUES (:kind, :name, :value, NULL) "
    "ON CONFLICT (kind, name) DO UPDATE SET value = excluded.value"
)
_HELD = text(
    "INSERT INTO jobs (name, entries, signed, day, done_ms, tried_ms, failures, error) "
    "VALUES (:name, :entries, 0, '', 0, 0, 0, '') ON CONFLICT (name) DO UPDATE SET entries = excluded.entries"
)
_ENTRIES = select(tables.jobs.c.entries).where(tables.jobs.c.name == _JOB)
Named = tuple[str, Fact]


def hold(reader: Reader) -> bool:
    """Whether both tables are of the log as it is."""
    return _entries(reader) == reader.size()


def answering(reader: Reader, requests: Collection[str]) -> dict[str, RecordFact]:
    """Records that were submitted for one of these requests, by id. One that can not be read is left out: an audit names it."""
    if not hold(reader):
        return {name: fact for name, fact in _readable(reader, RecordFact) if fact.request in requests}
    table = tables.answers.c
    found: list[str] = []
    for some in chunks(requests):
        found += reader.connection.execute(select(table.record).where(table.request.in_(some))).scalars()
    return _known(reader, RecordFact, found)


def failures_of(reader: Reader, operator: str) -> dict[str, FailureFact]:
    """The failed runs of one operator, by id; as `answering`."""
    if not hold(reader):
        return {name: fact for name, fact in _readable(reader, FailureFact) if fact.operator == operator}
    table = tables.failures.c
    found = reader.connection.execute(select(table.record).where(table.operator == operator)).scalars()
    return _known(reader, FailureFact, found)


def pending_failures(reader: Reader) -> int:
    """How many failed runs wait for an editor."""
    if not hold(reader):
        return sum(fact.status is Status.PENDING for _, fact in _readable(reader, FailureFact))
    wanted = select(func.count()).select_from(tables.failures).where(tables.failures.c.status == Status.PENDING.value)
    return int(reader.connection.execute(wanted).scalar_one())


class Stored:
    """Facts as the database has them; of acts the newest, whichever program wrote it: what that left out is read once."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._missed: dict[str, LastActFact] | None = None

    def get(self, kind: type[F], name: str) -> F | None:
        """As `Reader.get`."""
        if kind is LastActFact:
            self._missed = missed(self._reader) if self._missed is None else self._missed
            if name in self._missed:
                return cast("F", self._missed[name])
        return self._reader.get(kind, name)


def missed(reader: Reader) -> dict[str, LastActFact]:
    """The newest act about each thing among the entries that a program wrote which keeps none of these; by the thing's name."""
    held, size = _entries(reader), reader.size()
    if held == size:
        return {}
    found: dict[str, LastActFact] = {}
    for index, _, data in reader.signed(held if held is not None and held < size else 0):
        name = "" if data is None else _thing(data)
        if name:
            found[name] = LastActFact(index)
    return found


def write(reader: Reader, changed: Iterable[Named], before: int, now: int) -> None:
    """From now on all are of a log of `now` entries. `changed`: what its newest facts are, written already; `before`: its
    entries before that.
    """
    held = _entries(reader)
    if held != before and not (held is None and before == 0):
        _make_again(reader)
    else:
        _put(reader, changed)
    reader.connection.execute(_HELD, {"name": _JOB, "entries": now})


def wrong(
    reader: Reader, records: Mapping[str, RecordFact], failed: Mapping[str, FailureFact]
) -> Iterator[tuple[str, str]]:
    """Where, and what: lines that are not what the log's facts give, if the tables say that they are of the log as it is."""
    try:
        held = hold(reader)
    except RecordInvalid:  # how long the log is can't be read: that is told already
        return
    if not held:
        return
    answers, failures = tables.answers.c, tables.failures.c
    lines = reader.connection.execute(select(answers.record, answers.request))
    there: dict[str, object] = {record: request for record, request, *_ in lines}
    ours: dict[str, object] = {name: fact.request for name, fact in records.items() if fact.request}
    yield from _unlike("answer of record", ours, there)
    runs = reader.connection.execute(select(failures.record, failures.operator, failures.status))
    there = {record: (operator, status) for record, operator, status in runs}
    ours = {name: (fact.operator, fact.status.value) for name, fact in failed.items()}
    yield from _unlike("failed run", ours, there)


def _unlike(what: str, ours: Mapping[str, object], there: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    for name in sorted(str(one) for one in ours.keys() | there.keys() if ours.get(one) != there.get(one)):
        yield f"{what} {name[:12]}", "the table says otherwise than the log"


def _entries(reader: Reader) -> int | None:
    found = reader.connection.execute(_ENTRIES).scalar_one_or_none()
    return None if found is None else int(found)


def _make_again(reader: Reader) -> None:
    for table in (tables.answers, tables.failures):
        reader.connection.execute(delete(table))
    acts = [{"kind": fact.KIND, "name": name, "value": stored(fact)} for name, fact in missed(reader).items()]
    if acts:
        reader.connection.execute(_ACT, acts)
    _put(reader, _readable(reader, RecordFact))
    _put(reader, _readable(reader, FailureFact))


def _thing(data: bytes) -> str:
    try:
        return thing(event.read(envelope.read(data, "event").payload, "event"))
    except ReproError:
        return ""  # what can't be read is an audit's to name


def _put(reader: Reader, facts: Iterable[Named]) -> None:
    answers, failures = [], []
    for name, fact in facts:
        if isinstance(fact, RecordFact) and fact.request:
            answers.append({"record": name, "request": fact.request})
        if isinstance(fact, FailureFact):
            failures.append({"record": name, "operator": fact.operator, "status": fact.status.value})
    if answers:
        reader.connection.execute(_ANSWER, answers)
    if failures:
        reader.connection.execute(_FAILURE, failures)


def _readable(reader: Reader, kind: type[F]) -> Iterator[tuple[str, F]]:
    table = tables.facts.c
    lines = reader.connection.execute(select(table.name, table.value).where(table.kind == kind.KIND)).all()
    for name, value in lines:
        try:
            yield str(name), parse(kind, value, name)
        except RecordInvalid:
            continue


def _known(reader: Reader, kind: type[F], names: Iterable[str]) -> dict[str, F]:
    found = reader.some((kind, name) for name in names)
    return {name: fact for (_, name), fact in found.items() if isinstance(fact, kind)}
