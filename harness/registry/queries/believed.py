"""What a reader of a registry may count: records whose signatures, work and line in the table were verified by this very reader.

Whoever can write to a registry's database can put there what no honest client would. A reader verifies each record once,
remembers it, and leaves out, with its reason, what does not hold (docs/decisions/0031).
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from multiprocessing import get_context
from typing import Any

from sqlalchemy import Select, and_, select, text

from harness import __version__
from harness.errors import ReproError, one_line
from harness.progress import SILENT, Progress
from harness.record import envelope
from harness.registry.db import tables
from harness.registry.db.reader import Reader, chunks
from harness.registry.exchange.audit import Pending, verdicts
from harness.registry.queries import remembered
from harness.registry.queries.scores import usable_cores
from harness.registry.rules.base import public
from harness.registry.store import Registry
from harness.tlog import event

RULES = 1  # one more when verifying asks more than before: what was verified by fewer rules is verified again
MANY = 400  # records to verify from which other processes help
SHOWN_FROM = 50  # records to verify from which progress is shown
_STANDS = ("row", "idx", "status")  # of the table; what the log's facts call them: row, index, status
_OUT = ("withdrawn", "rejected", "dropped")


@dataclass(frozen=True, slots=True)
class Doubt:
    """A record that is left out, and why."""

    record: str
    row: str
    what: str
    public: bool  # whether an editor accepted it: of others a site says nothing

    @property
    def line(self) -> str:
        """For a terminal."""
        return f"record {self.record[:12]} is left out: {self.what}"


@contextmanager
def reading(
    registry: Registry, rows: Collection[str] | None = None, progress: Progress = SILENT, keep: Collection[str] = ()
) -> Iterator[tuple[Reader, list[Doubt]]]:
    """A reader of one state that sees no record which does not hold, and those records. `rows`: only the records of these are
    verified, and only they may be counted; `keep`: records that stay in sight whatever they are.
    """
    with registry.reading(closed=False) as reader:
        found = doubts(reader, rows, progress)
        with without(reader, [one.record for one in found if one.record not in keep]):
            yield reader, found


@contextmanager
def without(reader: Reader, records: Collection[str]) -> Iterator[None]:
    """While the block runs, no question to the table `records` sees these: a temporary view stands in its place, for this
    connection alone.
    """
    connection, dialect = reader.connection, reader.connection.dialect.name
    if not records:
        yield
        return
    schema = "main" if dialect == "sqlite" else str(connection.execute(text("SELECT current_schema()")).scalar_one())
    connection.execute(text("CREATE TEMPORARY TABLE left_out (id VARCHAR(64) PRIMARY KEY)"))
    connection.execute(text("INSERT INTO left_out VALUES (:id)"), [{"id": one} for one in sorted(records)])
    kept = "WHERE id NOT IN (SELECT id FROM left_out)"
    connection.execute(text(f'CREATE TEMPORARY VIEW records AS SELECT * FROM "{schema}".records {kept}'))  # noqa: S608
    try:
        yield
    finally:
        if not connection.invalidated and connection.in_transaction():
            for one in ("VIEW records", "TABLE left_out"):
                prefix = "temp" if dialect == "sqlite" else "pg_temp"
                kind, name = one.split()
                connection.execute(text(f"DROP {kind} {prefix}.{name}"))


def doubts(reader: Reader, rows: Collection[str] | None = None, progress: Progress = SILENT) -> list[Doubt]:
    """The records that count, or would, and do not hold; of all rows, or of these."""
    origin = reader.origin()
    known = remembered.read(origin)
    fact = reader.get("registry", "") or {}
    demonstration = bool(fact.get("demonstration"))
    waiting: dict[str, tuple[str, Any, Mapping[str, Any] | None]] = {}
    held: set[str] = set()
    for line, said in _lines(reader, rows):
        key = sha256(f"{__version__} {RULES} {demonstration} {tuple(line)!r} {said}".encode()).hexdigest()
        if key in known:
            held.add(key)
        else:
            waiting[line.id] = key, line, _fact(said)
    found: list[Doubt] = []
    fresh: set[str] = set()
    for identity, what in _verified(reader, waiting, demonstration, progress):
        key, line, own = waiting[identity]
        if what:
            open_ = own is not None and own.get("public_from") is not None and own.get("status") == "accepted"
            found.append(Doubt(str(identity), str(line.row), one_line(what), public=open_))
        else:
            fresh.add(key)
    if fresh:
        remembered.write(origin, (held if rows is None else known) | fresh)
    return sorted(found, key=lambda one: one.record)


def _lines(reader: Reader, rows: Collection[str] | None) -> Iterator[tuple[Any, str | None]]:
    """Each line of the table that may count, with the log's fact of it as text."""
    table, facts = tables.records, tables.facts
    joined = table.outerjoin(facts, and_(facts.c.kind == "record", facts.c.name == table.c.id))
    wanted: Select[Any] = (
        select(*table.c, facts.c.value.label("fact_")).select_from(joined).where(table.c.status.not_in(_OUT))
    )
    parts = [wanted] if rows is None else [wanted.where(table.c.row.in_(some)) for some in chunks(rows)]
    for part in parts:
        for line in reader.connection.execute(part):
            yield line, line.fact_


def _fact(said: str | None) -> Mapping[str, Any] | None:
    try:
        found = None if said is None else json.loads(said)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _verified(
    reader: Reader,
    waiting: Mapping[str, tuple[str, Any, Mapping[str, Any] | None]],
    demonstration: bool,
    progress: Progress,
) -> Iterator[tuple[str, str]]:
    """Id, and what does not hold of it, or nothing."""
    refused: dict[str, str] = {}

    def pending() -> Iterator[Pending]:
        for identity, (_, line, fact) in waiting.items():
            try:
                yield _pending(reader, identity, line, fact, demonstration)
            except ReproError as error:
                refused[identity] = error.what
            except Exception as error:  # whatever it is, it is this record's
                refused[identity] = f"cannot be examined ({type(error).__name__}: {error})"

    with _helpers(len(waiting)) as pool:
        for done, (identity, row, faults) in enumerate(verdicts(pending(), pool), 1):
            if len(waiting) >= SHOWN_FROM:
                progress.advance("verifying records", done, len(waiting))
            if faults or row is None:
                yield identity, faults[0].what.removeprefix(f"record {identity[:12]}: ")
                continue
            _, line, fact = waiting[identity]
            told = {**row, "editorial": int(bool((fact or {}).get("editorial")))}
            differing = sorted(name for name, value in told.items() if line._mapping[name] != value)
            yield identity, f"the table says otherwise of {', '.join(differing)}" if differing else ""
    yield from refused.items()


def _pending(reader: Reader, identity: str, line: Any, fact: Mapping[str, Any] | None, demonstration: bool) -> Pending:
    """What is to be verified. Raises `ReproError` where the log does not bear it out already."""
    if fact is None:
        raise ReproError("is in the table and not in the log")
    if (line.row, line.idx, line.status) != (fact["row"], fact["index"], fact["status"]):
        raise ReproError("stands elsewhere in the table than in the log")
    index = int(fact["index"])
    _, entry, data = next(reader.signed(index, index + 1), (0, None, None))
    if entry is None or data is None or sha256(data).hexdigest() != entry.envelope_sha256:
        raise ReproError("its submission is not in the log, or was changed")
    sealed = envelope.read(data, f"entry {index}")
    act = event.read(sealed.payload, f"entry {index}")
    if (
        act.kind != "record-submitted"
        or act.subject != identity
        or sha256(sealed.payload).hexdigest() != entry.event_sha256
    ):
        raise ReproError("its submission is not in the log, or was changed")
    envelope.verify(sealed, public(act.detail["operator_key"]), f"entry {index}", event.PAYLOAD_TYPE)
    names = ("envelope_sha256", "samples_sha256")
    if any(fact[name] != act.detail[name] for name in names):
        raise ReproError("the database says otherwise of its bytes than the log")
    bodies = [reader.body(act.detail[name]) for name in names]
    if None in bodies:
        raise ReproError("its bytes are gone")
    return Pending(identity, f"entry {index}", act, bodies[0] or b"", bodies[1] or b"", demonstration)


@contextmanager
def _helpers(records: int) -> Iterator[Executor | None]:
    cores = usable_cores()
    if records < MANY or cores < 2:
        yield None
        return
    with ProcessPoolExecutor(cores, mp_context=get_context("spawn")) as pool:
        yield pool
