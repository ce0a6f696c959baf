"""Alembic's entry: the connection is handed in by `harness.registry.db.databases.upgrade`."""

from __future__ import annotations

from alembic import context

from harness.registry.db.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
