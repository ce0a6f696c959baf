"""What a service keeps for a while: how much each key and address may still ask, and the numbers of requests that were used."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Float, Index, MetaData, String, Table

revision = "0002"
down_revision = "0001"

_metadata = MetaData()

Table(
    "buckets",
    _metadata,
    Column("name", String(128), primary_key=True),  # what is limited, and of whom
    Column("tokens", Float, nullable=False),
    Column("at_ms", BigInteger, nullable=False),  # when it had so many; ms since 1970
    Index("buckets_by_time", "at_ms"),
)
Table(
    "nonces",
    _metadata,
    Column("sha256", String(64), primary_key=True),
    Column("until_s", BigInteger, nullable=False),  # s since 1970; nobody takes the number afterwards
)


def upgrade() -> None:
    """Both tables, empty."""
    _metadata.create_all(op.get_bind())
