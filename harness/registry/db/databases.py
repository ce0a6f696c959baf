"""Databases: SQLite in a folder by default, PostgreSQL by URL; opened, created and brought to the newest schema."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event, inspect, text
from sqlalchemy import Engine as Engine
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool, QueuePool, StaticPool

from harness.errors import BadInput, Unavailable
from harness.extras import missing
from harness.files import refusal, sync
from harness.registry.db.tables import HEAD as HEAD
from harness.registry.db.tables import guards, metadata

Failure = SQLAlchemyError  # what a database that fails raises
FILE = "registry.sqlite"
MARK = "registry.json"  # of a folder with exported files
_VERSION = (  # as Alembic makes it
    "CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL, "
    "CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num))"
)
_KEPT, _MORE = 8, 24  # connections of a service: kept, and at most beside them
_LOCK = 7_269_113_882  # PostgreSQL's name for "the writer of this registry"


def url_of(target: str) -> str:
    """The database's URL: of a folder, of the file in it, or the URL that it is. Raises `BadInput`."""
    if target.startswith(("postgresql://", "postgres://")):
        return "postgresql+psycopg://" + target.partition("://")[2]
    if target.startswith(("postgresql+psycopg://", "sqlite:///")):
        return target
    if "://" in target:
        raise BadInput(
            f"{target.partition('://')[0]} is not a kind of database that a registry can use",
            where="--registry",
            fix="name a folder, or a postgresql:// URL",
        )
    path = Path(target)
    return f"sqlite:///{path if path.suffix == '.sqlite' else path / FILE}"


def is_export(target: str) -> bool:
    """Whether the folder holds exported files, and no database."""
    path = Path(target)
    return (path / MARK).is_file() and not (path / FILE).exists()


def connect(url: str) -> Engine:
    """The engine; nothing is created. Raises `BadInput` where there is no database."""
    if url.startswith("sqlite"):
        return _sqlite(url)
    try:
        import psycopg  # noqa: F401
    except ImportError as error:
        raise missing("postgresql", "psycopg", _shown(url)) from error
    return create_engine(url, poolclass=NullPool)  # a connection ends with its transaction: nothing is left open


def pooled(engine: Engine) -> Engine:
    """The same database, by connections that stay open from one transaction to the next; one in memory as it is.

    Of a connection that the server has ended the next one is made; who waits longer than 30 s for one is told so (`Unavailable`).
    """
    kept = {"poolclass": QueuePool, "pool_size": _KEPT, "max_overflow": _MORE, "pool_timeout": 30}
    if engine.dialect.name == "postgresql":
        return create_engine(engine.url, **kept, pool_recycle=1800, pool_pre_ping=True)
    if isinstance(engine.pool, StaticPool):
        return engine
    return _sqlite(engine.url, **kept)


def _sqlite(url: str | URL, **kept: Any) -> Engine:
    if url == "sqlite://":
        engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False})
    else:
        # One that is kept goes from thread to thread, one transaction after the other.
        found = {"timeout": 60, "check_same_thread": not kept}
        engine = create_engine(url, connect_args=found, **(kept or {"poolclass": NullPool}))

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # transactions begin where we say so
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "trusted_schema=OFF",
            "secure_delete=ON",
        ):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        # A writer takes its lock at once: read, decide and write are one step, and nobody's update is lost.
        write = connection.get_execution_options().get("write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def version_of(engine: Engine) -> str | None:
    """The schema's version; None for an empty database. Raises `BadInput` when it can't be opened."""
    try:
        if not inspect(engine).has_table("alembic_version"):
            return None
        with engine.connect() as connection:
            return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())
    except SQLAlchemyError as error:
        raise unusable(engine, error) from error


def upgrade(engine: Engine) -> None:
    """To the newest schema, in one transaction. Raises `BadInput`; a newer registry's schema is left as it is."""
    from alembic import command

    config, found = _migrations(), version_of(engine)
    if found is not None and found not in _revisions():
        raise _newer(engine, found)
    try:
        with engine.connect().execution_options(write=True) as connection, connection.begin():
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
    except SQLAlchemyError as error:
        raise unusable(engine, error) from error


def _create(engine: Engine) -> None:
    """The newest schema in an empty database: what all migrations make of one (a test holds them equal), and sooner."""
    with engine.connect().execution_options(write=True) as connection, connection.begin():
        metadata.create_all(connection)
        for statement in guards(connection.dialect.name):
            connection.execute(text(statement))
        connection.execute(text(_VERSION))
        connection.execute(text("INSERT INTO alembic_version (version_num) VALUES (:head)"), {"head": HEAD})


def upgrade_at(target: str) -> str:
    """Bring the registry at the place to the newest schema; returns its version. Raises `BadInput` where there is no registry."""
    url = url_of(target)
    path = Path(url.removeprefix("sqlite:///"))
    if is_export(target):
        raise BadInput("holds exported files, which have no schema", where=target, fix="nothing is to be done")
    if url.startswith("sqlite:///") and not path.is_file():
        raise BadInput(
            "there is no registry", where=target, fix="name the folder of a registry, or a postgresql:// URL"
        )
    engine = connect(url)
    if version_of(engine) is None:
        raise BadInput("there is no registry", where=_shown(url), fix="make one: repro registry new")
    upgrade(engine)
    return str(version_of(engine))


def vacant(target: str) -> None:
    """Raises `BadInput` where a registry's database is there already, before anything is asked or made."""
    path = Path(url_of(target).removeprefix("sqlite:///"))
    if "://" not in str(path) and path.exists():
        raise BadInput("there is a registry already", where=str(path), fix="name another folder")


def _migrations() -> Any:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", "harness.registry.db:migrations")
    return config


def _revisions() -> set[str]:
    """The schemas that this program knows."""
    from alembic.script import ScriptDirectory

    return {str(one.revision) for one in ScriptDirectory.from_config(_migrations()).walk_revisions()}


def _newer(engine: Engine, found: str) -> BadInput:
    return BadInput(
        f"This registry is newer than this program (schema {found}, known are those up to {HEAD})",
        where=_shown(str(engine.url)),
        fix="update repro-harness",
    )


@contextmanager
def made(target: str) -> Iterator[Engine]:
    """A new, empty registry's database to fill. A file appears under its name when the block ends well, whole or not at all.

    Raises `BadInput` where there is one already.
    """
    url = url_of(target)
    if not url.startswith("sqlite:///"):
        engine = connect(url)
        if version_of(engine) is not None and not _empty(engine):
            raise BadInput("there is a registry already", where=_shown(url), fix="name another database")
        if version_of(engine) is None:
            _create(engine)
        else:
            upgrade(engine)
        yield engine
        return
    path = Path(url.removeprefix("sqlite:///"))
    if path.exists():
        raise BadInput("there is a registry already", where=str(path), fix="name another folder")
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        engine = connect(f"sqlite:///{scratch}")
        try:
            _create(engine)
            yield engine
            engine.dispose()
            path.hardlink_to(scratch)  # never over another one
            sync(path.parent)
        finally:
            engine.dispose()
            for suffix in ("", "-wal", "-shm", "-journal"):
                with suppress(OSError):
                    Path(f"{scratch}{suffix}").unlink()
    except FileExistsError as error:
        raise BadInput("there is a registry already", where=str(path), fix="name another folder") from error
    except OSError as error:
        raise refusal(error, path) from error


def _empty(engine: Engine) -> bool:
    """Whether the schema is there and no entry: somebody was interrupted while making a registry."""
    with engine.connect() as connection:
        return int(connection.execute(text("SELECT count(*) FROM entries")).scalar_one()) == 0


def current(engine: Engine) -> None:
    """Raises `BadInput` unless the schema is the one that this program writes."""
    found = version_of(engine)
    if found is None:
        raise BadInput("there is no registry", where=_shown(str(engine.url)), fix="make one: repro registry new")
    if found != HEAD and found not in _revisions():
        raise _newer(engine, found)
    if found != HEAD:
        raise BadInput(
            f"has schema {found}, this program writes {HEAD}",
            where=_shown(str(engine.url)),
            fix="run: repro registry upgrade",
        )


def in_memory(engine: Engine) -> bool:
    """Whether it is SQLite's, and in no file."""
    return engine.dialect.name == "sqlite" and engine.url.database in (None, "", ":memory:")


def locks_rows(engine: Engine) -> bool:
    """Whether one row can be locked; SQLite locks all of the database."""
    return engine.dialect.name == "postgresql"


def file_of(engine: Engine) -> Path | None:
    """SQLite's file; None where it lies in memory, or at a server."""
    return None if engine.dialect.name != "sqlite" or in_memory(engine) else Path(str(engine.url.database))


def hold(connection: Connection) -> None:
    """Be the only writer until the transaction ends; SQLite's BEGIN IMMEDIATE has seen to it already."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})


def unusable(engine: Engine, error: Exception) -> Unavailable:
    """The one line for a database that fails."""
    cause = getattr(error, "orig", None) or error
    return Unavailable(
        f"the database refuses ({str(cause).splitlines()[0]})",
        where=_shown(str(engine.url)),
        fix="check the path, its disk and its rights",
        code=getattr(cause, "sqlite_errorname", "") or type(cause).__name__,  # SQLITE_FULL; of PostgreSQL DiskFull
    )


def _shown(url: str) -> str:
    """Without a password."""
    from sqlalchemy import make_url

    return make_url(url).render_as_string(hide_password=True)
