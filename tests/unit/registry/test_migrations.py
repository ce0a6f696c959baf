"""A database that was brought up step by step is the one that is made today, on SQLite and on PostgreSQL."""

from __future__ import annotations

import re
from hashlib import sha256
from pathlib import Path

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from harness.registry.db import databases, tables

VERSIONS = Path(databases.__file__).parent / "migrations" / "versions"
# A migration that was published never changes. Add a line for a new one; never edit one.
FROZEN = {
    "v0001_first.py": "9b2cf82de1fd4f51c4f82913a9d2cc00515ecf5de1d9cb2125487ec1d7fcc865",
    "v0002_service.py": "2c1c713a2cd17c7ae6cd8f4f484e6fec696e66f4ba3dd4b3834f5b6ef91e4c79",
    "v0003_cosignatures.py": "4d9d7011ff03bf952a465cbf8cabc2bdb02ceeca8fed3e441fa1a9814e144633",
    "v0004_jobs.py": "17cf727981e785f7bbd6ab7addae4464df50dffa2d696c7ac874cbefdd1d73b4",
    "v0005_console.py": "8c47da5b3204942dd7f8b95dc34fda2470c66630b2063e15d8d1e0a5ec3df8e4",
    "v0006_webhooks.py": "7242b188d500e6b1a3383e3e1ba371d05d4b50ee8543f1d738b1b47d5736a4fa",
    "v0007_leases.py": "326fd7954c039f8edd6196d2593cd9a7fb159e1bf1f0361024d5b3489d4d7d62",
    "v0008_lookups.py": "a8237a1cf5f2453362523e3103f9c7c72f08279cdff198cb65f101a16af1994a",
}


def shape(connection: Connection) -> dict[str, object]:
    """Tables, columns, keys, indexes and triggers, as the database tells them."""
    found: dict[str, object] = {}
    seen = inspect(connection)
    for name in sorted(set(seen.get_table_names()) - {"alembic_version"}):
        found[name] = {
            "columns": [(c["name"], str(c["type"]), c["nullable"], c["default"]) for c in seen.get_columns(name)],
            "key": seen.get_pk_constraint(name)["constrained_columns"],
            "unique": sorted((u["name"] or "", u["column_names"]) for u in seen.get_unique_constraints(name)),
            "indexes": sorted((i["name"] or "", i["column_names"], bool(i["unique"])) for i in seen.get_indexes(name)),
        }
    if connection.dialect.name == "sqlite":
        asked = "SELECT name, sql FROM sqlite_master WHERE type IN ('trigger', 'table') AND name != 'alembic_version'"
    else:
        asked = "SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal UNION ALL SELECT proname, prosrc FROM pg_proc WHERE proname LIKE '%_immutable'"
    found["text"] = sorted((name, re.sub(r"\s+", " ", sql)) for name, sql in connection.execute(text(asked)))
    return found


def test_migrated_from_the_first_equals_created_now(place, tmp_path):
    if "://" not in place:
        Path(place).mkdir()
    migrated = databases.connect(databases.url_of(place))
    databases.upgrade(migrated)
    with migrated.connect() as connection:
        before = shape(connection)
    other = databases.connect(f"sqlite:///{tmp_path / 'now.sqlite'}")
    if migrated.dialect.name == "postgresql":
        other = migrated
        with migrated.connect() as connection, connection.begin():
            connection.execute(text("DROP SCHEMA public CASCADE"))
            connection.execute(text("CREATE SCHEMA public"))
    with other.connect().execution_options(write=True) as connection, connection.begin():
        tables.metadata.create_all(connection)
        for statement in tables.guards(connection.dialect.name):
            connection.execute(text(statement))
    with other.connect() as connection:
        assert shape(connection) == before


def test_the_program_writes_the_newest_migration():
    config = Config()
    config.set_main_option("script_location", "harness.registry.db:migrations")
    assert ScriptDirectory.from_config(config).get_current_head() == tables.HEAD


@pytest.mark.parametrize("path", sorted(VERSIONS.glob("v*.py")), ids=lambda path: path.name)
def test_a_published_migration_never_changes(path):
    assert sha256(path.read_bytes()).hexdigest() == FROZEN[path.name]
    assert "harness" not in path.read_text(), "a migration stands by itself"
