"""A PostgreSQL of our own for the length of a test run: a temporary cluster that listens on a socket in its folder only."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit
from uuid import uuid4

from tests.support.patience import PATIENCE_S

INSTALLED = Path("/usr/lib/postgresql")  # Debian's place, one folder a version
MEMORY = "/dev/shm"
# Tests kill processes, never the machine: what the kernel has taken is not lost, so nothing waits for a disk. The log of one that may
# lie in memory stays small.
SETTINGS = """
listen_addresses = ''
unix_socket_directories = '{folder}'
port = 5432
fsync = off
synchronous_commit = on
full_page_writes = off
shared_buffers = 16MB
wal_level = minimal
max_wal_senders = 0
max_wal_size = 64MB
min_wal_size = 32MB
log_timezone = UTC
timezone = UTC
"""


def binaries() -> Path | None:
    """The folder of the newest version that is installed."""
    found = [path.parent for path in INSTALLED.glob("*/bin/initdb") if (path.parent / "postgres").exists()]
    return max(found, key=lambda path: float(path.parent.name), default=None)


@contextmanager
def cluster() -> Iterator[str | None]:
    """The URL of a running cluster's database `postgres`, for SQLAlchemy and psycopg 3; None without PostgreSQL."""
    programs = binaries()
    if programs is None:
        yield None
        return
    # There or under /tmp, whatever TMPDIR says: a socket's path holds 107 bytes, and the user postgres must be able to enter.
    root = MEMORY if os.environ.get("PYTEST_DEBUG_TEMPROOT") == MEMORY else "/tmp"
    with tempfile.TemporaryDirectory(prefix="pg-", dir=root, ignore_cleanup_errors=True) as folder:
        data = Path(folder, "data")
        if os.geteuid() == 0:
            shutil.chown(folder, "postgres", "postgres")
        # Only the server's own syncs matter: nobody pulls the plug while initdb runs.
        create = (
            programs / "initdb",
            "-D",
            data,
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--locale=C",
            "--no-sync",
        )
        subprocess.run(_as_postgres(*create), cwd=folder, stdout=subprocess.DEVNULL, check=True)
        with (data / "postgresql.conf").open("a") as file:
            file.write(SETTINGS.format(folder=folder))
        with Path(folder, "log").open("wb") as log:
            server = subprocess.Popen(
                _as_postgres(programs / "postgres", "-D", data), cwd=folder, stdout=log, stderr=log
            )
        try:
            _await(programs, folder, server)
            yield f"postgresql+psycopg://postgres@/postgres?host={folder}"
        finally:
            _EMPTY.clear()
            _SPARE.clear()
            _stop(server)


# A new database as a copy of files, which all before 15 make; through the log, as 15 does unless told, it takes a sixth more of the
# processor (0.13 against 0.11 s).
COPIED = " STRATEGY FILE_COPY" if float((binaries() or Path("0/bin")).parent.name) >= 15 else ""
_EMPTY: set[str] = set()  # made by `fresh`, and nothing else was asked of them
_SPARE: list[str] = []  # names of empty ones of the running cluster: to rename one costs a fraction of making it


def fresh(url: str) -> str:
    """The URL of a new, empty database in the same cluster."""
    name = f"test_{uuid4().hex}"
    if _SPARE:
        _execute(url, "ALTER DATABASE {} RENAME TO {}", _SPARE.pop(), name)
    else:
        _execute(url, "CREATE DATABASE {}" + COPIED, name)
    made = urlsplit(url)._replace(path=f"/{name}").geturl()
    _EMPTY.add(made)
    return made


def copied(source: str, target: str) -> None:
    """Make `target`, which `fresh` has made, a copy of a database of its cluster to which nobody is connected."""
    _EMPTY.remove(target)
    spare = f"spare_{uuid4().hex}"
    _execute(target, "ALTER DATABASE {} RENAME TO {}", _name(target), spare)
    _SPARE.append(spare)
    _execute(target, "CREATE DATABASE {} TEMPLATE {}" + COPIED, _name(target), _name(source))


def dropped(url: str) -> None:
    """Make its room free, whoever is still connected; nothing where a test has dropped it already."""
    _EMPTY.discard(url)
    _execute(url, "DROP DATABASE IF EXISTS {} WITH (FORCE)", _name(url))


def is_empty(url: str) -> bool:
    """Whether the database is as `fresh` has made it."""
    return url in _EMPTY


def _name(url: str) -> str:
    return urlsplit(url).path.removeprefix("/")


def _execute(url: str, statement: str, *names: str) -> None:
    """At the database `postgres` of the cluster."""
    import psycopg
    from psycopg.sql import SQL, Identifier

    place = urlsplit(url)._replace(scheme="postgresql", path="/postgres").geturl()
    with psycopg.connect(place, autocommit=True) as connection:
        connection.execute(SQL(statement).format(*map(Identifier, names)))


def _as_postgres(*command: str | Path) -> list[str]:
    """As the user postgres when we are root, whom the server refuses; shut down at once should the thread that starts it die."""
    who = pwd.getpwnam("postgres") if os.geteuid() == 0 else None
    user = (f"--reuid={who.pw_uid}", f"--regid={who.pw_gid}", "--init-groups") if who else ()
    return ["setpriv", *user, "--pdeathsig=QUIT", *map(str, command)]


def _await(programs: Path, folder: str, server: subprocess.Popen[bytes]) -> None:
    """Returns when the server takes connections. Raises RuntimeError with its log."""
    deadline = time.monotonic() + PATIENCE_S
    while subprocess.run([programs / "pg_isready", "-q", "-h", folder, "-p", "5432"], check=False).returncode:
        if server.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"PostgreSQL did not start: {Path(folder, 'log').read_text()}")
        time.sleep(0.05)


def _stop(server: subprocess.Popen[bytes]) -> None:
    """What `pg_ctl stop -m immediate` does: nothing of the cluster is kept."""
    server.send_signal(signal.SIGQUIT)
    try:
        server.wait(PATIENCE_S)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()
