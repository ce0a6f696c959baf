"""What a reader of a registry may count: records whose signatures, work and line in the table were verified by this very reader.

Whoever can write to a registry's database can put there what no honest client would. A reader verifies each record once,
remembers it, and leaves out, with its reason, what does not hold (docs/decisions/0031).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

from harness import __version__
from harness.errors import ReproError, one_line
from harness.progress import SILENT, Progress
from harness.record import envelope
from harness.registry.db.left_out import counting
from harness.registry.db.left_out import without as without
from harness.registry.db.reader import Reader
from harness.registry.db.records import NAMES, Line
from harness.registry.exchange.record_checks import Pending, verdicts
from harness.registry.facts import RecordFact, RegistryFact
from harness.registry.facts.stored import parse
from harness.registry.processes import helpers
from harness.registry.queries import remembered
from harness.registry.queries import rows as rows_table
from harness.registry.rules.base import public
from harness.registry.store import Registry
from harness.tiers.values import Status
from harness.tlog import event

RULES = 1  # one more when verifying asks more than before: what was verified by fewer rules is verified again
MANY = 400  # records to verify from which other processes help
SHOWN_FROM = 50  # records to verify from which progress is shown


@dataclass(frozen=True, slots=True)
class Doubt:
    """A record that is left out, and why."""

    record: str
    row: str
    what: str
    public: bool  # whether an editor accepted it: of others a site says nothing
    readable: ClassVar[bool] = True  # whether the table's line of it holds a measurement at all

    @property
    def line(self) -> str:
        """For a terminal."""
        return f"record {self.record[:12]} is left out: {self.what}"


class Garbled(Doubt):
    """One whose line in the table can't be read as a measurement."""

    __slots__ = ()
    readable = False


@contextmanager
def reading(
    registry: Registry, rows: Collection[str] | None = None, progress: Progress = SILENT, keep: Collection[str] = ()
) -> Iterator[tuple[Reader, list[Doubt]]]:
    """A reader of one state that sees no record which does not hold, and those records. `rows`: only the records of these are
    verified, and only they may be counted; `keep`: records that stay in sight although they do not hold, unless nobody could read
    their row with them.
    """
    with registry.reading(closed=False) as reader:
        found = doubts(reader, rows, progress)
        with without(reader, [one.record for one in found if not (one.readable and one.record in keep)]):
            yield reader, found


def doubts(reader: Reader, rows: Collection[str] | None = None, progress: Progress = SILENT) -> list[Doubt]:
    """The records that count, or would, and do not hold; of all rows, or of these."""
    origin = reader.origin()
    known = remembered.read(origin)
    demonstration = reader.need(RegistryFact).demonstration
    waiting: dict[str, tuple[str, Line, RecordFact | ReproError]] = {}
    held: set[str] = set()
    for values in counting(reader, rows):
        said = values[-1]
        key = sha256(f"{__version__} {RULES} {demonstration} {values!r} {said}".encode()).hexdigest()
        if key in known:
            held.add(key)
        else:
            line = dict(zip(NAMES, values, strict=False))
            waiting[line["id"]] = key, line, _fact(line["id"], said)
    found: list[Doubt] = []
    fresh: set[str] = set()
    for identity, what in _verified(reader, waiting, demonstration, progress):
        key, line, own = waiting[identity]
        if what:
            open_ = isinstance(own, RecordFact) and own.public_from is not None and own.status is Status.ACCEPTED
            made = Doubt if rows_table.readable(line) else Garbled
            found.append(made(str(identity), str(line["row"]), one_line(what), open_))
        else:
            fresh.add(key)
    if fresh:
        remembered.write(origin, (held if rows is None else known) | fresh)
    return sorted(found, key=lambda one: one.record)


def _fact(record: str, said: str | None) -> RecordFact | ReproError:
    """What the log says of the record, or why that is not known."""
    if said is None:
        return ReproError("is in the table and not in the log")
    try:
        return parse(RecordFact, said, record)
    except ReproError as error:
        return error


def _verified(
    reader: Reader,
    waiting: Mapping[str, tuple[str, Line, RecordFact | ReproError]],
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

    with helpers(len(waiting), MANY) as pool:
        for done, (identity, row, faults) in enumerate(verdicts(pending(), pool), 1):
            if len(waiting) >= SHOWN_FROM:
                progress.advance("verifying records", done, len(waiting))
            if faults or row is None:
                yield identity, faults[0].what.removeprefix(f"record {identity[:12]}: ")
                continue
            _, line, fact = waiting[identity]
            told = {**row, "editorial": int(isinstance(fact, RecordFact) and fact.editorial)}
            differing = sorted(name for name, value in told.items() if line[name] != value)
            yield identity, f"the table says otherwise of {', '.join(differing)}" if differing else ""
    yield from refused.items()


def _pending(reader: Reader, identity: str, line: Line, fact: RecordFact | ReproError, demonstration: bool) -> Pending:
    """What is to be verified. Raises `ReproError` where the log does not bear it out already."""
    if isinstance(fact, ReproError):
        raise fact
    if (line["row"], line["idx"], line["status"]) != (fact.row, fact.index, fact.status):
        raise ReproError("has another place in the table than in the log")
    index = fact.index
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
    if (fact.envelope_sha256, fact.samples_sha256) != tuple(act.detail[name] for name in names):
        raise ReproError("the database and the log differ on whether its bytes are stored")
    bodies = [reader.body(act.detail[name]) for name in names]
    if None in bodies:
        raise ReproError("its bytes are gone")
    return Pending(identity, f"entry {index}", act, bodies[0] or b"", bodies[1] or b"", demonstration)
