"""Transactions: one state to read, or the one writer's turn. A database that fails is one line."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from harness.registry.db import databases
from harness.registry.db.reader import Reader

# Who computes between two questions, or keeps a site's turn while it is built, holds up nobody: the server's own limit (deploy/
# postgresql.conf) is for the writer's turn.
_MAY_BE_LONG = "SET LOCAL idle_in_transaction_session_timeout = 0"


@contextmanager
def reading(engine: Engine, *, closed: bool = True) -> Iterator[Reader]:
    """A reader of one state. Raises `BadInput` where the database fails. `closed`: nothing at all may be written; a reader
    that makes itself a temporary view can't be.
    """
    try:
        with engine.connect() as connection, connection.begin():
            if connection.dialect.name == "postgresql":  # in one message: each costs as much as a question
                only = " READ ONLY" if closed else ""
                connection.exec_driver_sql(f"SET TRANSACTION ISOLATION LEVEL REPEATABLE READ{only}; {_MAY_BE_LONG}")
            yield Reader(connection)
    except SQLAlchemyError as error:
        raise databases.unusable(engine, error) from error


@contextmanager
def writing(engine: Engine) -> Iterator[Reader]:
    """The only writer until the block ends: durable then, or not there at all. Raises `BadInput` where the database fails."""
    try:
        with engine.connect().execution_options(write=True) as connection, connection.begin():
            databases.hold(connection)
            yield Reader(connection)
    except SQLAlchemyError as error:
        refused = databases.unusable(engine, error)
        refused.written = True
        raise refused from error


@contextmanager
def beside(engine: Engine) -> Iterator[Reader]:
    """A transaction that is not the writer's. Raises `Unavailable` where the database fails."""
    try:
        with engine.connect() as connection, connection.begin():
            if connection.dialect.name == "postgresql":
                connection.exec_driver_sql(_MAY_BE_LONG)
            yield Reader(connection)
    except SQLAlchemyError as error:
        raise databases.unusable(engine, error) from error
