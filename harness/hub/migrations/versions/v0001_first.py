"""The first schema."""

from __future__ import annotations

from alembic import op

from harness.hub.tables import guards, metadata

revision = "0001"
down_revision = None


def upgrade() -> None:
    """All tables, and the triggers that keep the truth as it is."""
    bind = op.get_bind()
    metadata.create_all(bind)
    for statement in guards(bind.dialect.name):
        op.execute(statement)
