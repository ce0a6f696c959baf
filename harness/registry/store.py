"""A registry: an append-only log of signed events with the bodies that they name, and what follows from it, in one database.

A batch of events is one transaction: durable when `append` returns, or not there at all. What an event may do is the ledger's to
say; here it is only written down.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import RecordInvalid, ReproError, Unavailable
from harness.registry.db import checkpoints, databases, foreseen, sessions
from harness.registry.db.reader import Reader
from harness.registry.facts import RegistryFact
from harness.registry.rules.base import known, public
from harness.tlog import checkpoint
from harness.tlog.checkpoint import Checkpoint
from harness.tlog.event import Event

if TYPE_CHECKING:
    from harness.registry.db.databases import Engine
    from harness.registry.db.transaction import Batch, Item, Taken
    from harness.tlog.entry import Entry

# Raises why there is no room for the item of that number after these, which the same transaction has taken.
Room = Callable[[Reader, int, Sequence[Event]], None]


class Registry:
    """An open registry. Reads see one state; there is one writer at a time."""

    elsewhere = False  # whether another machine keeps it, and its service is asked

    def __init__(self, engine: Engine, target: str, withheld: Collection[int] | None = None) -> None:
        self.engine, self.target = engine, target
        self.withheld = withheld  # of a public copy: entries whose events it does not tell

    @property
    def in_memory(self) -> bool:
        """Whether it lies in this process alone: no other one can open it."""
        return databases.in_memory(self.engine)

    @property
    def file(self) -> Path | None:
        """SQLite's file; None in memory, or at a server."""
        return databases.file_of(self.engine)

    def close(self) -> None:
        """Give up what is held open. What lies in memory is gone then."""
        self.engine.dispose()

    def with_kept_connections(self) -> Registry:
        """The same one for a process that serves many: its database is not connected to anew for each transaction.

        `close` ends what it keeps, and nothing of this one. Memory needs no such thing: there it is this one itself.
        """
        engine = databases.pooled(self.engine)
        return self if engine is self.engine else Registry(engine, self.target, self.withheld)

    def reading(self, *, closed: bool = True) -> AbstractContextManager[Reader]:
        """A reader of one state. Raises `BadInput` where the database fails. `closed`: nothing at all may be written; a reader
        that makes itself a temporary view can't be.
        """
        return sessions.reading(self.engine, closed=closed)

    def append(self, items: Sequence[Item], now: str, room: Room | None = None) -> list[Taken | ReproError]:
        """Take what may be taken, in order, in one transaction; of each its entry, or why not. Durable on return."""
        from harness.registry.db.transaction import Batch  # who only reads needs no schema

        with sessions.writing(self.engine) as reader:
            batch = Batch(foreseen.of_items(reader, items))
            found = list(_each(batch, items, now, room))
            batch.write()
            return found

    def append_sealed(
        self,
        items: Sequence[Item],
        now: str,
        seal: Callable[[Checkpoint], bytes],
        room: Room | None = None,
        then: Callable[[Reader, list[Taken | ReproError]], None] | None = None,
    ) -> list[Taken | ReproError]:
        """As `append`; `seal` signs the tree as it is then, in the same transaction: what is durable is sealed.

        `then` reads what is written before anybody else does: nobody may be told of it before this returns.
        """
        from harness.registry.db.transaction import Batch

        with sessions.writing(self.engine) as reader:
            batch = Batch(foreseen.of_items(reader, items))
            found = list(_each(batch, items, now, room))
            batch.write()
            size, root = batch.tree()
            if not any(isinstance(one, ReproError) for one in found) or checkpoints.newest_size(reader) != size:
                fact = batch.get(RegistryFact, "")
                origin = reader.origin() if fact is None else fact.origin
                note = seal(Checkpoint(origin, size, root))
                _by_its_key(batch, size, note)
                checkpoints.put(reader, size, note)
            if then is not None:
                then(reader, found)
            return found

    def tried(self, items: Sequence[Item], now: str) -> list[Taken | ReproError]:
        """As `append`, and nothing is written: of each the entry that it would be, or why not."""
        from harness.registry.db.transaction import Batch

        with self.reading() as reader:
            return list(_each(Batch(reader), items, now))

    def append_one(self, item: Item, now: str) -> Taken:
        """As `append`, of one. Raises why not."""
        return self.append_all([item], now)[0]

    def append_all(self, items: Sequence[Item], now: str) -> list[Taken]:
        """As `append`, all of them or, where one may not be, none. Raises why not."""
        from harness.registry.db.transaction import Batch

        with sessions.writing(self.engine) as reader:
            batch = Batch(reader)
            found = [batch.take(item, now) for item in items]
            batch.write()
            return found

    def replay(self, items: Sequence[Item | Entry]) -> list[Entry]:
        """What a log holds already, in order and in one transaction; of an event that is withheld its entry alone. Raises at the
        first that may not be.
        """
        from harness.registry.db.transaction import Batch, Item

        with sessions.writing(self.engine) as reader:
            batch = Batch(reader)
            found = [batch.take(one, one.at).entry if isinstance(one, Item) else batch.skip(one) for one in items]
            batch.write()
            return found

    def counting(self) -> AbstractContextManager[Reader]:
        """The writer's turn for what lies beside the log: limits, and numbers that were used."""
        return sessions.writing(self.engine)

    @property
    def locks_rows(self) -> bool:
        """Whether a transaction can lock a row, and others go past it."""
        return databases.locks_rows(self.engine)

    def beside(self) -> AbstractContextManager[Reader]:
        """A transaction that locks and writes rows beside the log, while others write the log. Only where it `locks_rows`."""
        return sessions.beside(self.engine)

    def keep_checkpoint(self, size: int, note: bytes) -> None:
        """Store a signed checkpoint; the first of a size stays."""
        checkpoints.keep(self.engine, size, note)


def _by_its_key(batch: Batch, size: int, note: bytes) -> None:
    """Raises `Unavailable` where another key sealed the tree than the log says: it was rotated a moment ago."""
    registry = known(batch, RegistryFact, "")
    try:
        checkpoint.read(note, {registry.origin: next(iter(public(registry.key_of(size)).values()))}, "checkpoint")
    except RecordInvalid as error:
        raise Unavailable("the registry's key was rotated", where="checkpoint", fix="send the same again") from error


def _each(batch: Batch, items: Sequence[Item], now: str, room: Room | None = None) -> Iterator[Taken | ReproError]:
    ahead: list[Event] = []
    for number, item in enumerate(items):
        try:
            if room is not None:
                room(batch.reader, number, ahead)
            taken = batch.take(item, now)
        except ReproError as error:
            yield error
        else:
            ahead.append(taken.event)
            yield taken
