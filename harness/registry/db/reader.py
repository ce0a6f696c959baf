"""Questions about one state of a registry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from hashlib import sha256
from typing import Any, TypeVar

from sqlalchemy import Connection, Select, Table, and_, bindparam, func, or_, select

from harness.errors import BadInput, RecordInvalid
from harness.registry.db import prefixes, tables
from harness.registry.facts import F, Fact, KeyFact, OperatorFact, RecordFact, RegistryFact, TripleFact
from harness.registry.facts.stored import parse
from harness.tlog import entry as entries
from harness.tlog import merkle
from harness.tlog.entry import Entry

# Made once: building a statement costs more than running it.
_FACT = select(tables.facts.c.value).where(
    tables.facts.c.kind == bindparam("kind"), tables.facts.c.name == bindparam("name")
)
_ENTRY = select(tables.entries.c.payload).where(tables.entries.c.idx == bindparam("idx"))
_LINES = select(tables.entries.c.idx, tables.entries.c.payload).where(
    tables.entries.c.idx.in_(bindparam("indices", expanding=True))
)
_DIGEST = select(tables.entries.c.digest).where(tables.entries.c.idx == bindparam("idx"))
_EVENT = select(tables.entries.c.idx).where(tables.entries.c.event_sha256 == bindparam("digest"))
_NODE = select(tables.nodes.c.hash).where(
    tables.nodes.c.level == bindparam("level"), tables.nodes.c.idx == bindparam("idx")
)
_BODY = select(tables.bodies.c.data).where(tables.bodies.c.sha256 == bindparam("sha256"))
_r = tables.records.c
_HOME = (
    select(_r.id)
    .where(_r.model == bindparam("model"), _r.quantisation == bindparam("quantisation"))
    .where(_r.engine == bindparam("engine"), _r.workload == bindparam("workload"), _r.sku == bindparam("sku"))
    .where(_r.row == _r.id, _r.status.in_(("pending", "accepted", "sent-back")))
    .order_by(_r.idx)
    .limit(1)
)


T = TypeVar("T", int, str, tuple[Any, Any])
CHUNK = 500  # values in one question: SQLite takes 32,766


def chunks(values: Iterable[T]) -> Iterator[list[T]]:
    """The values, sorted, as many at a time as one question may name."""
    wanted = sorted(values)
    for start in range(0, len(wanted), CHUNK):
        yield wanted[start : start + CHUNK]


@lru_cache(maxsize=64)  # by how many groups there are: building a statement costs more than running it
def _pairs(table: Table, groups: int) -> Select[Any]:
    first, second, value = tuple(table.columns)[:3]
    each = (and_(first == bindparam(f"a{n}"), second.in_(bindparam(f"b{n}", expanding=True))) for n in range(groups))
    return select(first, second, value).where(or_(*each))


def raw(value: Any, where: str) -> bytes:
    """A column's bytes. SQLite keeps text in one, too, if somebody puts it there: then it is other bytes, and found to be. Raises
    `RecordInvalid` for a number: `bytes` of one is so many zeros.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    raise RecordInvalid(
        f"the table holds {type(value).__name__} where bytes belong", where=where, fix="run: repro audit"
    )


def unlike(value: Any) -> bytes:
    """As `raw`, for an audit that goes on: what is no bytes is its own text, and so not the bytes that the log gives."""
    return raw(value, "") if isinstance(value, str | bytes | bytearray | memoryview) else str(value).encode()


def whole(value: Any, where: str) -> int:
    """A column's whole number. Raises `RecordInvalid` for a text or bytes, which SQLite keeps in its place."""
    if type(value) is not int:
        raise RecordInvalid(
            f"the table holds {type(value).__name__} where a whole number belongs", where=where, fix="run: repro audit"
        )
    return value


def _no_node(level: int, index: int) -> RecordInvalid:
    return RecordInvalid(f"the tree lacks node {level}/{index}", where="log", fix="run: repro audit")


class Reader:
    """Questions about one state of a registry. A `View` for the ledger, too."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection

    def get(self, kind: type[F], name: str) -> F | None:
        """The fact, or None. Raises `RecordInvalid`, naming it, where the database holds what no rule makes."""
        if "\0" in name:  # nothing is called so, and PostgreSQL refuses the very question
            return None
        found = self.connection.execute(_FACT, {"kind": kind.KIND, "name": name}).scalar_one_or_none()
        return None if found is None else parse(kind, found, name)

    def some(self, wanted: Iterable[tuple[type[Any], str]]) -> dict[tuple[type[Any], str], Fact | None]:
        """As `get`, of many: one that can't be read is left out."""
        found: dict[tuple[type[Any], str], Fact | None] = dict.fromkeys(one for one in wanted if "\0" not in one[1])
        kinds = {kind.KIND: kind for kind, _ in found}
        for kind, name, value in self._paired(tables.facts, [(k.KIND, name) for k, name in found]):
            try:
                found[kinds[kind], name] = parse(kinds[kind], value, name)
            except RecordInvalid:
                del found[kinds[kind], name]
        return found

    def _paired(self, table: Table, wanted: Iterable[tuple[Any, Any]]) -> Iterator[Any]:
        """Rows of the first three columns of a table whose key is the first two, many by one question."""
        for some in chunks(wanted):
            groups: dict[Any, list[Any]] = {}
            for a, b in some:
                groups.setdefault(a, []).append(b)
            told: dict[str, Any] = {}
            for number, (a, group) in enumerate(groups.items()):
                told |= {f"a{number}": a, f"b{number}": group}
            yield from self.connection.execute(_pairs(table, len(groups)), told)

    def need(self, kind: type[F], name: str = "") -> F:
        """As `get`, of what every registry has, or its tables name. Raises `RecordInvalid` where it is missing."""
        found = self.get(kind, name)
        if found is None:
            where = f"{kind.KIND} {name[:12]}".strip()
            raise RecordInvalid("is not in the log's facts", where=where, fix="run: repro audit")
        return found

    def all(self, kind: type[F]) -> dict[str, F]:
        """Every fact of a kind, by name. Raises as `get`."""
        rows = self.connection.execute(
            select(tables.facts.c.name, tables.facts.c.value)
            .where(tables.facts.c.kind == kind.KIND)
            .order_by(tables.facts.c.name)
        )
        return {name: parse(kind, value, name) for name, value in rows}

    def records_by_key(self, key: str, since: int) -> list[str]:
        """See `View`."""
        table = tables.facts.c
        found = self.connection.execute(select(table.name, table.value).where(table.key == key))
        places = sorted((parse(RecordFact, value, name).index, name) for name, value in found)
        return [name for index, name in places if index >= since]

    def of_triple(self, triple: str) -> list[str]:
        """See `View`."""
        table = tables.facts.c
        some = select(table.name).where(table.kind == TripleFact.KIND, table.name > triple, table.name < triple + "g")
        return sorted(name[-64:] for name in self.connection.execute(some).scalars())

    def has_records(self, count: int) -> bool:
        """Whether it has more records than that."""
        return self.connection.execute(select(tables.records.c.id).limit(1).offset(count)).first() is not None

    def origin(self) -> str:
        """The registry's name. Raises `BadInput` where there is no registry."""
        fact = self.get(RegistryFact, "")
        if fact is None:
            raise BadInput("there is no registry", where="--registry", fix="make one: repro registry new")
        return fact.origin

    def size(self) -> int:
        """Entries in the log."""
        last = self.connection.execute(select(func.max(tables.entries.c.idx))).scalar_one()
        return 0 if last is None else whole(last, "entries") + 1

    def entry(self, index: int) -> Entry | None:
        """One line of the log."""
        payload = self.connection.execute(_ENTRY, {"idx": index}).scalar_one_or_none()
        return None if payload is None else entries.read(raw(payload, f"entry {index}"), f"entry {index}")

    def columns(self) -> dict[int, tuple[str, str, str]]:
        """What the table says of each entry beside its bytes: its digest, the event's, the envelope's."""
        table = tables.entries.c
        wanted = select(table.idx, table.digest, table.event_sha256, table.envelope_sha256)
        return {index: (digest, event, envelope) for index, digest, event, envelope in self.connection.execute(wanted)}

    def lines(self, indices: Iterable[int]) -> dict[int, Entry]:
        """Those lines of the log that are there."""
        found: dict[int, Entry] = {}
        for some in chunks(indices):
            for index, payload in self.connection.execute(_LINES, {"indices": some}):
                found[index] = entries.read(raw(payload, f"entry {index}"), f"entry {index}")
        return found

    def payloads(self) -> Iterator[tuple[int, bytes]]:
        """The lines of the log as stored, in order."""
        wanted = select(tables.entries.c.idx, tables.entries.c.payload)
        for index, payload in self.connection.execute(wanted.order_by(tables.entries.c.idx)):
            yield whole(index, "entries"), raw(payload, f"entry {index}")

    def told_payloads(self) -> Iterator[tuple[int, bytes]]:
        """The same for an audit, which names elsewhere what has no place: whatever stands there."""
        wanted = select(tables.entries.c.idx, tables.entries.c.payload)
        for index, payload in self.connection.execute(wanted.order_by(tables.entries.c.idx)):
            if type(index) is int:
                yield index, unlike(payload)

    def signed(self, first: int = 0, end: int | None = None) -> Iterator[tuple[int, Entry, bytes | None]]:
        """The lines from `first` on, and before `end`, if given, each with its envelope; None where that was dropped."""
        line, body = tables.entries.c, tables.bodies.c
        both = tables.entries.outerjoin(tables.bodies, body.sha256 == line.envelope_sha256)
        wanted = (
            select(line.idx, line.payload, line.envelope_sha256, body.data).select_from(both).where(line.idx >= first)
        )
        if end is not None:
            wanted = wanted.where(line.idx < end)
        for index, payload, digest, data in self.connection.execute(wanted.order_by(line.idx)):
            entry = entries.read(raw(payload, f"entry {index}"), f"entry {index}")
            if digest != entry.envelope_sha256:  # the log counts, not what the table says beside it
                data = self.body(entry.envelope_sha256)
            yield whole(index, "entries"), entry, None if data is None else raw(data, f"entry {index}")

    def head(self, size: int) -> str | None:
        """The digest of the last of `size` entries; "" of none."""
        if size == 0:
            return ""
        return self.connection.execute(_DIGEST, {"idx": size - 1}).scalar_one_or_none()

    def has_event(self, digest: str) -> bool:
        """Whether an event with this payload is in the log."""
        return self.connection.execute(_EVENT, {"digest": digest}).first() is not None

    def place_of(self, digest: str) -> int | None:
        """The entry whose event has this payload; None where the log has it not."""
        found = self.connection.execute(_EVENT, {"digest": digest}).scalar_one_or_none()
        return None if found is None else whole(found, "entries")

    def node(self, level: int, index: int) -> bytes:
        """A hash of the Merkle tree. Raises `RecordInvalid` where the database lacks it."""
        found = self.connection.execute(_NODE, {"level": level, "idx": index}).scalar_one_or_none()
        if found is None:
            raise _no_node(level, index)
        return raw(found, f"node {level}/{index}")

    def nodes_for(self, ask: Callable[[merkle.Node], object]) -> merkle.Node:
        """Answers for the nodes that `ask` asks for, whatever these are; they are read by one question. Raises as `node`."""
        wanted: set[tuple[int, int]] = set()

        def asked(level: int, index: int) -> bytes:
            wanted.add((level, index))
            return bytes(merkle.HASH_SIZE)

        ask(asked)
        rows = self._paired(tables.nodes, wanted)
        found = {(level, index): raw(value, f"node {level}/{index}") for level, index, value in rows}
        for level, index in wanted - found.keys():
            raise _no_node(level, index)
        return lambda level, index: found[level, index]

    def root(self) -> bytes:
        """Of the whole log."""
        size = self.size()
        return merkle.root(size, self.nodes_for(lambda node: merkle.root(size, node)))

    def body(self, digest: str) -> bytes | None:
        """The bytes with that sha256; None where they were dropped."""
        found = self.connection.execute(_BODY, {"sha256": digest}).scalar_one_or_none()
        return None if found is None else raw(found, f"body {digest[:12]}")

    def has_body(self, digest: str) -> bool:
        """Whether bytes with that sha256 are there, whatever they are."""
        wanted = select(tables.bodies.c.sha256).where(tables.bodies.c.sha256 == digest)
        return self.connection.execute(wanted).first() is not None

    def checkpoint(self) -> bytes | None:
        """The newest one that was signed, with what witnesses have added to it."""
        found = self.newest()
        return None if found is None else found[1]

    def newest(self) -> tuple[int, bytes] | None:
        """As `checkpoint`, with the entries below it."""
        table = tables.checkpoints.c
        wanted = select(table.size, table.note).order_by(table.size.desc()).limit(1)
        found = self.connection.execute(wanted).one_or_none()
        if found is None:
            return None
        lines = tables.cosignatures.c
        added = select(lines.line).where(lines.size == found[0]).order_by(lines.witness)
        note = raw(found[1], "checkpoint") + b"".join(
            raw(one, "cosignature") for one in self.connection.execute(added).scalars()
        )
        return whole(found[0], "checkpoints"), note

    def row_for(self, subject: tuple[str, str, str, str], sku: str) -> str | None:
        """The oldest open row of this subject on this device: what another record of both belongs to."""
        names = ("model", "quantisation", "engine", "workload", "sku")
        return self.connection.execute(_HOME, dict(zip(names, (*subject, sku), strict=True))).scalar_one_or_none()

    def accepted_in(self, row: str) -> list[str]:
        """See `View`."""
        table = tables.records.c
        wanted = select(table.id).where(table.row == row, table.status == "accepted").order_by(table.id)
        return list(self.connection.execute(wanted).scalars())

    def subject_of(self, identity: str) -> tuple[str, str, str, str] | None:
        """Model, quantisation, engine and workload of a record; None where the table has it not."""
        table = tables.records.c
        wanted = select(table.model, table.quantisation, table.engine, table.workload).where(table.id == identity)
        found = self.connection.execute(wanted).one_or_none()
        return None if found is None else (found[0], found[1], found[2], found[3])

    def submitter(self, record: str) -> str | None:
        """The operator who brought it; None where it is not here."""
        fact = self.get(RecordFact, record)
        return None if fact is None else fact.operator

    def names_subject(self, row: str) -> str | None:
        """The digest by which the row's own submission names its subject; None where there is no such row."""
        fact = self.get(RecordFact, row)
        return None if fact is None else fact.subject_sha256

    def home_of(self, record: str) -> str | None:
        """The oldest open row of the record's own subject and device, other than itself."""
        names = ("model", "quantisation", "engine", "workload", "sku")
        wanted = select(*(tables.records.c[name] for name in names)).where(tables.records.c.id == record)
        found = self.connection.execute(wanted).one_or_none()
        home = None if found is None else self.row_for((found[0], found[1], found[2], found[3]), found[4])
        return None if home == record else home

    def id_of(self, prefix: str) -> str:
        """The one record whose id begins so. Raises `BadInput`: none, or several, which it lists."""
        table, wanted = tables.records.c, prefix.lower()
        good = prefixes.proper(wanted)
        some = select(table.id).where(table.id >= wanted, table.id < wanted + "g").order_by(table.id)
        found = list(self.connection.execute(some.limit(prefixes.SHOWN + 1)).scalars()) if good else []
        return prefixes.only(found, prefix, "record", "see: repro review, repro submissions, repro score --all")

    def key_of(self, prefix: str) -> str:
        """The id of the one operator's key whose id, or whose present bytes in hexadecimal, begin so. Raises `BadInput`."""
        wanted = prefix.lower()
        found = {name for name in self.all(KeyFact) if name.startswith(wanted)} if prefixes.proper(wanted) else set()
        if prefixes.proper(wanted):
            own = (fact.key for fact in self.all(OperatorFact).values())
            found |= {sha256(bytes.fromhex(key)).hexdigest() for key in own if key.startswith(wanted)}
        if not found and len(wanted) == 64 and prefixes.proper(wanted):  # an earlier key's own bytes
            name = sha256(bytes.fromhex(wanted)).hexdigest()
            found |= {name} if self.get(KeyFact, name) is not None else set()
        return prefixes.only(sorted(found), prefix, "key", "see: repro keys show, repro registry log --json")
