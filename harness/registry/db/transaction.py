"""What one transaction adds to a registry, seen by its own later events. An event that may not be leaves no trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from hashlib import sha256
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, bindparam, delete, insert, select, text, update

from harness.catalog import policies
from harness.errors import BadInput, Conflict
from harness.registry.db import lookups, tables
from harness.registry.db.items import Item as Item
from harness.registry.db.items import Taken as Taken
from harness.registry.db.reader import Reader, chunks
from harness.registry.facts import F, Fact, FailureFact, Named, PolicyFact, RecordFact, RegistryFact, TripleFact
from harness.registry.facts.stored import stored
from harness.registry.intake import failures, ingest, requests
from harness.registry.intake.projection import parts_of
from harness.registry.rules import times
from harness.registry.rules.apply import applied
from harness.registry.rules.base import Place, known
from harness.registry.rules.triples import OPEN
from harness.tiers.policy import Policy
from harness.tiers.values import Status
from harness.tiers.verdict import too_wide
from harness.tlog import merkle
from harness.tlog.entry import Entry, follows
from harness.tlog.event import Event

_UPSERT = text(
    "INSERT INTO facts (kind, name, value, key) VALUES (:kind, :name, :value, :key) "
    "ON CONFLICT (kind, name) DO UPDATE SET value = excluded.value"
)
_BODY = text("INSERT INTO bodies (sha256, kind, data) VALUES (:sha256, :kind, :data) ON CONFLICT (sha256) DO NOTHING")
_TAKEDOWN = text("INSERT INTO takedowns (sha256) VALUES (:d) ON CONFLICT (sha256) DO NOTHING")
_RIG = text("INSERT INTO rigs (operator, rig) VALUES (:operator, :rig) ON CONFLICT (operator, rig) DO NOTHING")
_SERIES = text("INSERT INTO series (engine, series) VALUES (:engine, :series) ON CONFLICT (engine, series) DO NOTHING")


Brought = TypeVar("Brought")
_Told = TypeVar("_Told", contravariant=True)


class Intake(Protocol[_Told]):
    """The rules of what a submission's event brings along: a module for each kind. Each raises `BadInput`."""

    def agrees(self, event: Event, found: _Told) -> None:
        """The event speaks of this very record."""

    def names_device(self, event: Event, found: _Told) -> None:
        """The event names the record's device as it is called today."""

    def taken_by(self, found: _Told, *, demonstration: bool) -> None:
        """A simulation goes to a demonstration alone."""


@dataclass(slots=True)
class Batch:
    """See the module."""

    reader: Reader
    facts: dict[tuple[type[Any], str], Fact] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)
    records: dict[str, dict[str, Any]] = field(default_factory=dict)
    homes: dict[tuple[str, ...], list[str]] = field(
        default_factory=dict
    )  # (subject and SKU) → the batch's own new rows
    triples: dict[str, list[str]] = field(default_factory=dict)  # subject and device → the batch's own records
    events: set[str] = field(default_factory=set)
    rigs: set[tuple[str, str]] = field(default_factory=set)
    left: dict[str, str] = field(default_factory=dict)  # records that moved → the row that the table has them in
    _known: dict[tuple[type[Any], str], Fact | None] = field(default_factory=dict)
    _stored: lookups.Stored = field(init=False)
    _size: int = -1
    _last: Entry | None = None
    _before: merkle.Node | None = None  # the complete subtrees of the log as it was: whatever grows, grows from these

    def __post_init__(self) -> None:
        self._size, self._stored = self.reader.size(), lookups.Stored(self.reader)
        self._last = self.reader.entry(self._size - 1) if self._size else None

    def get(self, kind: type[F], name: str) -> F | None:
        """The batch's own facts first."""
        found = self.facts.get((kind, name))
        if found is None:
            if (kind, name) not in self._known:
                self._known[kind, name] = self._stored.get(kind, name)
            found = self._known[kind, name]
        return found if isinstance(found, kind) else None

    def records_by_key(self, key: str, since: int) -> list[str]:
        """See `View`."""
        own = [(fact.index, name) for name, fact in self._records() if fact.key == key]
        known = self.reader.records_by_key(key, since)
        return [*known, *(name for index, name in sorted(own) if index >= since and name not in set(known))]

    def of_triple(self, triple: str) -> list[str]:
        """See `View`."""
        return sorted({*self.triples.get(triple, ()), *self.reader.of_triple(triple)})

    def accepted_in(self, row: str) -> list[str]:
        """See `View`."""
        own = dict(self._records())
        found = {name for name in self.reader.accepted_in(row) if name not in own}
        changed = {name for name, fact in own.items() if fact.row == row and fact.status is Status.ACCEPTED}
        return sorted(found | changed)

    def _records(self) -> list[tuple[str, RecordFact]]:
        return [(name, fact) for (_, name), fact in self.facts.items() if isinstance(fact, RecordFact)]

    def take(self, item: Item, now: str) -> Taken:
        """One more event. Raises why it may not be; nothing is kept then."""
        now = item.at or now
        place = Place(self._size, now if self._last is None else max(now, self._last.at))
        event, facts, payload = applied(item.envelope, place, self, self._head)
        self._brings(event, item)
        event_digest, envelope_digest = sha256(payload).hexdigest(), sha256(item.envelope).hexdigest()
        line = Entry(
            place.index, "" if self._last is None else self._last.digest(), place.at, event_digest, envelope_digest
        )
        if event_digest in self.events or self.reader.has_event(event_digest):
            raise Conflict("is in the log already", where=event.kind, fix="an act is done once")
        self._note(event, item, facts, line)
        return Taken(line, event)

    def skip(self, line: Entry) -> Entry:
        """A line whose event is withheld: its digests alone. Only a public copy of a log has such. Raises `LogInconsistent`."""
        follows(line, self._last, "log")
        self._append(line)
        for name, one in times.withheld(Place(line.index, line.at)):
            self.facts[type(one), name] = one
        return line

    def _append(self, line: Entry) -> None:
        for level, index, node in merkle.appended(self._size, merkle.leaf_hash(line.payload()), self._node):
            self.nodes[level, index] = node
        self.entries.append(line)
        self.events.add(line.event_sha256)
        self._last, self._size = line, self._size + 1

    def _head(self, size: int) -> str | None:
        started = self._size - len(self.entries)
        return self.entries[size - 1 - started].digest() if size > started else self.reader.head(size)

    def _brings(self, event: Event, item: Item) -> None:
        """A submission's event speaks of the record that comes with it, on the row where it belongs."""
        if event.kind == "failure-submitted" and not item.dropped:
            self._along(event, item, item.failure, failures)
        if event.kind == "record-moved":
            self._moves(event)
        if event.kind == "record-approved":
            self._may_open(event.subject)
        if event.kind == "record-submitted" and not item.dropped:
            one = self._along(event, item, item.submission, ingest).measured.measurement
            if not item.at:
                requests.refuse_other_hardware(event, one.hardware.sku, self)
            home = self._home(parts_of(one.subject), one.hardware.sku)
            if home is not None and event.detail["row"] in ("", event.subject):
                raise BadInput(
                    "the registry has a row of the same model, device, engine and workload",
                    where=event.subject[:12],
                    fix=f"submit it as a reproduction of {home[:12]}",
                )
            if home is not None and event.detail["row"] != home:
                raise BadInput(
                    "its own device has a row of this model, engine and workload",
                    where=event.subject[:12],
                    fix=f"submit it as a reproduction of {home[:12]}, whatever it says there",
                )

    def _along(self, event: Event, item: Item, found: Brought | None, intake: Intake[Brought]) -> Brought:
        """The record, or the failed run, which is the one that the event speaks of and may be taken here."""
        if found is None:
            raise BadInput("brings no record along", where=event.subject[:12])
        intake.agrees(event, found)
        if not item.at:
            intake.names_device(event, found)
        registry = self.get(RegistryFact, "")
        intake.taken_by(found, demonstration=registry is not None and registry.demonstration)
        return found

    def _may_open(self, record: str) -> None:
        """A row's own record is approved while no other row of its triple is open, and where it is precise enough to judge by."""
        fact, found = self.get(RecordFact, record), self._own(record)
        if fact is None or found is None or fact.row != record:
            return
        home = self._home(found[:4], found[4])
        if home not in (None, record):
            raise BadInput(
                f"another row of the same model, device, engine and workload is open: {home[:12]}",
                where=record[:12],
                fix="repro review move takes it there",
            )
        policy = self.get(PolicyFact, "")
        said = too_wide(found[5], found[6], None if policy is None else _policy(policy.name))
        if said:
            raise BadInput(said, where=record[:12], fix="send it back: more processes narrow the interval")

    def _moves(self, event: Event) -> None:
        """One open row of a triple: a record that leaves its row joins the one that is there."""
        found = self._own(event.subject)
        home = None if found is None else self._home(found[:4], found[4])
        if home is not None and event.detail["row"] == event.subject:
            raise BadInput(
                "the registry has a row of the same model, device, engine and workload",
                where=event.subject[:12],
                fix=f"move it there: --to {home[:12]}",
            )

    def _own(self, record: str) -> tuple[Any, ...] | None:
        """Model, quantisation, engine, workload, SKU, processes, variance of the logs; None where the record was taken down."""
        names = ("model", "quantisation", "engine", "workload", "sku", "processes", "log_variance")
        if record in self.records:
            return tuple(self.records[record][name] for name in names)
        table = tables.records.c
        wanted = select(*(table[name] for name in names)).where(table.id == record)
        found = self.reader.connection.execute(wanted).one_or_none()
        return None if found is None else tuple(found)

    def _home(self, subject: tuple[str, str, str, str], sku: str) -> str | None:
        found = self.reader.row_for(subject, sku)
        if found is not None:
            fact = self.get(RecordFact, found)
            if fact is None or fact.status in OPEN:
                return found
        for name in self.homes.get((*subject, sku), []):
            fact = self.get(RecordFact, name)
            if fact is not None and fact.status in OPEN:
                return name
        return None

    def _note(self, event: Event, item: Item, facts: Sequence[Named], line: Entry) -> None:
        self._append(line)
        self.bodies.append({"sha256": line.envelope_sha256, "kind": "event", "data": item.envelope})
        for name, one in facts:
            before = self.get(RecordFact, name) if isinstance(one, RecordFact) else None
            if isinstance(one, RecordFact) and before is not None and before.row != one.row:
                self._move(name, before.row, one.row)
            if isinstance(one, TripleFact) and name:
                self.triples.setdefault(name[:-64], []).append(name[-64:])
            self.facts[type(one), name] = one
        if event.kind in ("record-submitted", "failure-submitted"):
            self.rigs.add((event.by, event.detail["rig_key"]))
        if item.failure is not None:
            brought = item.failure
            self.bodies.append({"sha256": event.detail["envelope_sha256"], "kind": "record", "data": brought.envelope})
            self.bodies.append({"sha256": event.detail["samples_sha256"], "kind": "samples", "data": brought.samples})
        if event.kind == "record-submitted" and item.submission is not None:
            found = item.submission
            self.bodies.append({"sha256": event.detail["envelope_sha256"], "kind": "record", "data": found.envelope})
            self.bodies.append({"sha256": event.detail["samples_sha256"], "kind": "samples", "data": found.samples})
            fact = known(self, RecordFact, event.subject)
            place = {
                "row": fact.row,
                "idx": line.index,
                "status": fact.status.value,
                "editorial": int(fact.editorial),
            }
            row = found.measured.row(place)
            self.records[event.subject] = row
            if fact.row == event.subject:
                own = tuple(row[name] for name in ("model", "quantisation", "engine", "workload", "sku"))
                self.homes.setdefault(own, []).append(event.subject)

    def _move(self, record: str, before: str, row: str) -> None:
        if record in self.records:
            self.records[record]["row"] = row
        else:
            self.left.setdefault(record, before)
        own = self._own(record) if row == record else None
        if own is not None:
            self.homes.setdefault(own[:5], []).append(record)

    def _node(self, level: int, index: int) -> bytes:
        found = self.nodes.get((level, index))
        if found is not None:
            return found
        if self._before is None:
            size = self._size - len(self.entries)
            self._before = self.reader.nodes_for(lambda asked: merkle.root(size, asked))
        return self._before(level, index)

    def tree(self) -> tuple[int, bytes]:
        """Size and root of the log with all of it."""
        return self._size, merkle.root(self._size, self._node)

    def write(self) -> None:
        """All of it."""
        if not self.entries:
            return
        connection = self.reader.connection
        if self.bodies:
            connection.execute(_BODY, self.bodies)
        connection.execute(
            insert(tables.entries),
            [
                {
                    "idx": line.index,
                    "payload": line.payload(),
                    "digest": line.digest(),
                    "event_sha256": line.event_sha256,
                    "envelope_sha256": line.envelope_sha256,
                }
                for line in self.entries
            ],
        )
        rows = [{"level": level, "idx": index, "hash": value} for (level, index), value in self.nodes.items()]
        connection.execute(insert(tables.nodes), rows)
        if self.rigs:
            connection.execute(_RIG, [{"operator": operator, "rig": rig} for operator, rig in sorted(self.rigs)])
        if self.records:
            connection.execute(insert(tables.records), list(self.records.values()))
        self._write_facts(connection)

    def _write_facts(self, connection: Connection) -> None:
        changed = dict(self._records())
        if self.facts:
            lines = [
                {
                    "kind": fact.KIND,
                    "name": name,
                    "value": stored(fact),
                    "key": fact.key if isinstance(fact, RecordFact) else None,
                }
                for (_, name), fact in self.facts.items()
            ]
            connection.execute(_UPSERT, lines)
        table = tables.records
        for record, row in self.left.items():
            place = update(table).where(table.c.row == row, table.c.id == record)
            connection.execute(place.values(row=changed[record].row))
        moved = [{"b_id": name, "b_row": fact.row, "b_status": fact.status.value} for name, fact in changed.items()]
        moved = [one for one in moved if one["b_id"] not in self.records or one["b_status"] != "pending"]
        if moved:
            connection.execute(
                update(table)
                .where(table.c.row == bindparam("b_row"), table.c.id == bindparam("b_id"))
                .values(status=bindparam("b_status")),
                moved,
            )
        self._write_series(connection, [one["b_id"] for one in moved])
        facts = [(name, fact) for (_, name), fact in self.facts.items()]
        lookups.write(self.reader, facts, self._size - len(self.entries), self._size)
        for name, fact in changed.items():
            if fact.dropped:
                self._drop(connection, name, fact)
        for other in self.facts.values():
            if isinstance(other, FailureFact) and other.dropped:
                self._take_down(connection, other.envelope_sha256)

    def _drop(self, connection: Connection, record: str, fact: RecordFact) -> None:
        """The bytes of a record that was taken down, and what the table keeps of it. The log keeps the digests."""
        table = tables.records
        connection.execute(delete(table).where(table.c.row == fact.row, table.c.id == record))
        held = select(table.c.id).where(table.c.samples_sha256 == fact.samples_sha256).limit(1)
        shared = connection.execute(held).first() is not None  # then they are another record's, too
        for digest in (fact.envelope_sha256, *(() if shared else (fact.samples_sha256,))):
            self._take_down(connection, digest)

    def _take_down(self, connection: Connection, digest: str) -> None:
        connection.execute(_TAKEDOWN, {"d": digest})
        connection.execute(delete(tables.bodies).where(tables.bodies.c.sha256 == digest))

    def _write_series(self, connection: Connection, moved: Sequence[str]) -> None:
        """A series is known as long as an accepted record has run it."""
        table, known = tables.records.c, tables.series.c
        touched: set[tuple[str, str]] = set()
        for some in chunks(moved):
            part = select(table.engine, table.runtime_series).distinct().where(table.id.in_(some))
            touched |= {(engine, series) for engine, series in connection.execute(part)}
        for engine, series in sorted(touched):
            held = select(table.id).where(
                table.engine == engine, table.runtime_series == series, table.status == "accepted"
            )
            if connection.execute(held.limit(1)).first() is not None:
                connection.execute(_SERIES, {"engine": engine, "series": series})
            else:
                connection.execute(delete(tables.series).where(known.engine == engine, known.series == series))


@lru_cache(maxsize=8)
def _policy(name: str) -> Policy | None:
    """By name; None where this program does not have it, and so knows no limit of it."""
    return policies.load(name).policy if name in policies.names() else None
