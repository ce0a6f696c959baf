"""A database that is full, or may only be read: what is acknowledged is there, what is not is told so, and who only reads is answered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from harness.progress import SILENT
from harness.registry.actions import sessions
from harness.registry.db import databases
from harness.registry.exchange.audit import audit
from tests.support import postgres
from tests.support.console_desk import console
from tests.unit.service.conftest import Over, over, problem
from tests.unit.service.test_database_that_ends import _plain
from tests.unit.service.test_signed_reads import signed

READS = (
    "/v1/registry",
    "/checkpoint",
    "/registry.json",
    "/v1/entries/0",
    "/v1/nonce",
    "/v1/operators/ann",
    "/healthz",
    "/readyz",
    "/metrics",
)
REFUSALS = {"full": "PRAGMA max_page_count = 1", "read alone": "PRAGMA query_only = ON"}
AGAIN = {"full": "PRAGMA max_page_count = 1073741823", "read alone": "PRAGMA query_only = OFF"}


def brought(service: Over, name: str) -> dict[str, bytes]:
    found = service.world.record(name)
    service.world.person(name)
    return service.submission(found)


def refuses(service: Over, *, small: bool) -> None:
    """Everything that must be written down is refused as busy (`small`: what a page has room for, too); what is read is answered;
    nothing is in the log.
    """
    before = service.size()
    for parts in (brought(service, "ann"), *([{"event": service.joining("bob")}] if small else [])):
        for query in ("", "?place=1"):
            answer = service.post(parts, query)
            assert problem(answer)["code"] == "unavailable", answer.text
            assert int(answer.headers["retry-after"]) >= 1
    asked = signed(service, "/v1/submissions", service.world.person("ann").operator)
    assert asked.status_code == 503 or not small
    for path in READS:
        assert service.client.get(path).status_code == 200, path
    assert service.client.get("/console/sign-in", headers={"accept": "text/html"}).status_code == 200
    told = service.client.get("/readyz").json()
    assert told["status"] == "refusing"
    assert told["refused"] in ("SQLITE_FULL", "SQLITE_READONLY", "ReadOnlySqlTransaction", "DiskFull")
    assert "repro_writes_refused 1.0" in service.client.get("/metrics").text
    assert service.size() == before


def takes(service: Over) -> None:
    before = service.size()
    assert service.post({"event": service.joining("bob")}).status_code == 201
    assert service.post(brought(service, "ann")).status_code == 201
    assert signed(service, "/v1/submissions", service.world.person("ann").operator).status_code == 200
    assert service.size() == before + 2
    told = service.client.get("/readyz").json()
    assert (told["status"], told["refused"]) == ("ok", "")
    assert "repro_writes_refused 0.0" in service.client.get("/metrics").text
    assert not audit(service.world.registry, None, SILENT).faults


@contextmanager
def each_connection(statements: list[str]) -> Iterator[None]:
    """Says them to every connection of SQLite before its next transaction."""

    def say(connection) -> None:
        if connection.dialect.name == "sqlite":
            for one in statements:
                connection.connection.driver_connection.execute(one)

    event.listen(Engine, "begin", say, insert=True)
    try:
        yield
    finally:
        event.remove(Engine, "begin", say)


@pytest.mark.parametrize("how", REFUSALS)
@pytest.mark.parametrize("limited", [True, False])
def test_sqlite(tmp_path, how, limited):
    statements: list[str] = []
    with over(str(tmp_path / "registry"), limited=limited) as service, each_connection(statements):
        assert service.post({"event": service.joining("ann")}).status_code == 201
        statements[:] = [REFUSALS[how]]
        refuses(service, small=how != "full")
        statements[:] = [AGAIN[how]]
        takes(service)


def test_postgresql_that_may_only_be_read(server):
    if server is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    target = postgres.fresh(server)
    with over(target, limited=False) as service, psycopg.connect(_plain(server), autocommit=True) as other:
        assert service.post({"event": service.joining("ann")}).status_code == 201
        name = databases.connect(target).url.database

        def become(value: str) -> None:
            other.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = {value}')
            other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))

        become("on")
        refuses(service, small=True)
        become("off")
        takes(service)


@pytest.mark.parametrize("how", REFUSALS)
def test_who_is_signed_in_reads_on_where_nothing_can_be_written(tmp_path, how):
    statements: list[str] = []
    with console(str(tmp_path / "registry"), "pia") as (made, [desk]), each_connection(statements):
        desk.sign_in()
        later = int(time.time()) + 3 * 60
        statements[:] = [REFUSALS[how]]
        session = sessions.of(made.registry, desk.cookie, later)
        assert session is not None
        assert session.handle == "pia"
        assert sessions.of(made.registry, desk.cookie, later + sessions.IDLE_S) is None


def test_a_number_that_can_not_be_written_down_is_told_too(tmp_path):
    statements: list[str] = []
    with over(str(tmp_path / "registry"), limited=False) as service, each_connection(statements):
        assert service.post({"event": service.joining("ann")}).status_code == 201
        statements[:] = [REFUSALS["read alone"]]
        assert signed(service, "/v1/submissions", service.world.person("ann").operator).status_code == 503
        assert service.client.get("/readyz").json()["refused"] == "SQLITE_READONLY"
        statements[:] = [AGAIN["read alone"]]
        assert service.post(brought(service, "ann")).status_code == 201
        assert service.client.get("/readyz").json()["refused"] == ""
