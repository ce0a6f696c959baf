"""Whom a host tells of what happens, what waits to be told, and what was known when it was told last."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, String, Table, Text

revision = "0006"
down_revision = "0005"

_metadata = MetaData()

Table(
    "webhooks",
    _metadata,
    Column("id", String(32), primary_key=True),
    Column("url", Text, nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("topics", String(128), nullable=False),  # comma between
    Column("private", Integer, nullable=False),  # 1: this machine and its network may be meant
)
Table(
    "outbox",
    _metadata,
    Column("id", String(64), primary_key=True),  # webhook-id
    Column("webhook", String(32), nullable=False),
    Column("body", LargeBinary, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("next_ms", BigInteger, nullable=True),  # null: delivered, or given up
    Column("said", Text, nullable=False),  # of the last try
    Index("outbox_by_time", "next_ms"),
)
Table(
    "told",
    _metadata,
    Column("topic", String(16), primary_key=True),
    Column("name", String(160), primary_key=True),
    Column("value", String(64), nullable=False),
)


def upgrade() -> None:
    """The tables, empty."""
    _metadata.create_all(op.get_bind())
