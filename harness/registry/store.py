"""A registry: an append-only log of signed events with the bodies that they name, and what follows from it, in one database.

A batch of events is one transaction: durable when `append` returns, or not there at all. What an event may do is the ledger's to
say; here it is only written down.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from harness.errors import ReproError
from harness.registry.db import databases
from harness.registry.db.reader import Reader

if TYPE_CHECKING:
    from harness.registry.db.transaction import Item, Taken


class Registry:
    """An open registry. Reads see one state; there is one writer at a time."""

    def __init__(self, engine: Engine, target: str) -> None:
        self.engine, self.target = engine, target

    @contextmanager
    def reading(self, *, closed: bool = True) -> Iterator[Reader]:
        """A reader of one state. Raises `BadInput` where the database fails. `closed`: nothing at all may be written; a reader
        that makes itself a temporary view can't be.
        """
        try:
            with self.engine.connect() as connection, connection.begin():
                if connection.dialect.name == "postgresql":
                    only = " READ ONLY" if closed else ""
                    connection.execute(text(f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ{only}"))
                yield Reader(connection)
        except SQLAlchemyError as error:
            raise databases.unusable(self.engine, error) from error

    def append(self, items: Sequence[Item], now: str) -> list[Taken | ReproError]:
        """Take what may be taken, in order, in one transaction; of each its entry, or why not. Durable on return."""
        from harness.registry.db.transaction import Batch  # who only reads needs no schema

        try:
            with self.engine.connect().execution_options(write=True) as connection, connection.begin():
                databases.hold(connection)
                batch = Batch(Reader(connection))
                found: list[Taken | ReproError] = []
                for item in items:
                    try:
                        found.append(batch.take(item, now))
                    except ReproError as error:
                        found.append(error)
                batch.write(connection)
                return found
        except SQLAlchemyError as error:
            raise databases.unusable(self.engine, error) from error

    def append_one(self, item: Item, now: str) -> Taken:
        """As `append`, of one. Raises why not."""
        return self.append_all([item], now)[0]

    def append_all(self, items: Sequence[Item], now: str) -> list[Taken]:
        """As `append`, all of them or, where one may not be, none. Raises why not."""
        from harness.registry.db.transaction import Batch

        try:
            with self.engine.connect().execution_options(write=True) as connection, connection.begin():
                databases.hold(connection)
                batch = Batch(Reader(connection))
                found = [batch.take(item, now) for item in items]
                batch.write(connection)
                return found
        except SQLAlchemyError as error:
            raise databases.unusable(self.engine, error) from error

    def keep_checkpoint(self, size: int, note: bytes) -> None:
        """Store a signed checkpoint; the first of a size stays."""
        with self.engine.connect().execution_options(write=True) as connection, connection.begin():
            connection.execute(
                text("INSERT INTO checkpoints (size, note) VALUES (:size, :note) ON CONFLICT (size) DO NOTHING"),
                {"size": size, "note": note},
            )
