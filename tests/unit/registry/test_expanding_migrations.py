"""Migrations only add: what an older program reads and writes is there unchanged, so that it may run on while the schema grows."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import inspect

from harness.progress import SILENT
from harness.registry.db import databases, transaction
from harness.registry.exchange.audit import audit
from harness.registry.opening import open_database
from tests.support.registry_world import world


def migrated(place: str, revision: str) -> databases.Engine:
    from alembic import command

    engine = databases.connect(databases.url_of(place))
    config = databases._migrations()
    with engine.connect().execution_options(write=True) as connection, connection.begin():
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    return engine


def shape(engine: databases.Engine) -> dict[str, dict[str, tuple[str, bool, str]]]:
    """Table → column → type, whether it may be null, default."""
    seen = inspect(engine)
    return {
        table: {
            one["name"]: (str(one["type"]), bool(one["nullable"]), str(one["default"]))
            for one in seen.get_columns(table)
        }
        for table in seen.get_table_names()
        if table != "alembic_version"
    }


def test_each_migration_leaves_every_table_and_column_as_it_was(place, tmp_path):
    if "://" not in place:
        (tmp_path / "registry").mkdir()
    before: dict[str, dict[str, tuple[str, bool, str]]] = {}
    for revision in sorted(databases._revisions()):
        now = shape(migrated(place, revision))
        for table, columns in before.items():
            assert now[table].items() >= columns.items(), (revision, table)
            added = {name: told for name, told in now[table].items() if name not in columns}
            assert all(nullable or default != "None" for _, nullable, default in added.values()), (revision, added)
        before = now
    assert {"entries", "bodies", "buckets"} <= set(before)


@pytest.mark.parametrize("revision", ["0001", "0002"])
def test_a_process_that_opened_the_older_schema_writes_on_while_it_is_upgraded(place, revision, monkeypatch):
    target = place if "://" in place else f"{place}.sqlite"
    monkeypatch.setattr(transaction.lookups, "write", lambda *_: None)  # which no older program knows
    with monkeypatch.context() as older:
        older.setattr(databases, "_create", lambda engine: migrated(engine.url.render_as_string(False), revision))
        older.setattr(databases, "current", lambda engine: None)
        running = world(target, anew=True)
    assert databases.version_of(running.registry.engine) == revision
    ended, failed = threading.Event(), []

    def goes_on() -> None:
        for number in range(500):
            if ended.is_set():
                return
            try:
                running.join(f"new-{number}")
            except Exception as error:
                failed.append(error)

    writer = threading.Thread(target=goes_on)
    writer.start()
    assert databases.upgrade_at(target) == databases.HEAD
    running.join("afterwards")
    ended.set()
    writer.join()
    assert failed == []
    assert not audit(open_database(target), None, SILENT).faults
