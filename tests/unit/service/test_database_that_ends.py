"""PostgreSQL ends every connection of a service at once, as when it is started again: what was acknowledged is there, once."""

from __future__ import annotations

import time
from urllib.parse import urlsplit

import psycopg
import pytest
from sqlalchemy import text

from harness.progress import SILENT
from harness.registry.exchange.audit import audit
from tests.support import postgres
from tests.support.patience import PATIENCE_S
from tests.support.registry_world import world
from tests.unit.service.conftest import over


def test_a_service_goes_on_after_its_database_has_ended_all_connections(server):
    if server is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    target = postgres.fresh(server)
    with over(target, limited=False) as service, psycopg.connect(_plain(target), autocommit=True) as other:
        for number in range(6):
            joining = service.joining(f"op{number}")
            assert _taken(service, joining)
            ended = other.execute(
                "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            ).fetchone()
            assert ended is not None
            assert ended[0] > 0 or number  # the service keeps some
            assert _taken(service, joining) == 200  # the same again: it was not lost
        assert service.size() == 7
        assert not audit(service.world.registry, None, SILENT).faults


def test_what_a_service_counts_is_told_while_its_database_is_away(server):
    if server is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    target = postgres.fresh(server)
    with over(target, limited=False) as service, psycopg.connect(_plain(server), autocommit=True) as other:
        name = urlsplit(target).path[1:]
        assert "repro_database_up 1.0" in service.client.get("/metrics").text
        other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        away = service.client.get("/metrics")
        assert (away.status_code, "repro_database_up 0.0" in away.text) == (200, True)
        assert "repro_log_entries NaN" in away.text
        assert "repro_requests_total" in away.text
        assert service.client.get("/readyz").status_code == 503
        other.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')
        assert "repro_database_up 1.0" in service.client.get("/metrics").text


def test_only_the_writer_is_ended_while_it_is_idle(server):
    """A site that takes longer to build than the server's limit would never be built, and no long log be audited."""
    if server is None:
        pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
    target = postgres.fresh(server)
    registry = world(target).registry
    with psycopg.connect(_plain(target), autocommit=True) as other:
        name = urlsplit(target).path[1:]
        other.execute(f"ALTER DATABASE {name} SET idle_in_transaction_session_timeout = '1min'")
    for transaction, limit in ((registry.reading, "0"), (registry.beside, "0"), (registry.counting, "1min")):
        with transaction() as reader:
            asked = reader.connection.execute(text("SHOW idle_in_transaction_session_timeout"))
            assert asked.scalar_one() == limit


def _taken(service, joining):
    """Its status once it is taken; until then the service says that it is busy, as a client is told to try again."""
    ends = time.monotonic() + PATIENCE_S
    while True:
        found = service.post({"event": joining}).status_code
        if found in (200, 201):
            return found
        assert found == 503
        assert time.monotonic() < ends


def _plain(url):
    return url.replace("postgresql+psycopg", "postgresql")
