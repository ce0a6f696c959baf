"""Which operator's machine measures a request now, and until when."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Index, Integer, MetaData, String, Table

revision = "0007"
down_revision = "0006"

_metadata = MetaData()

Table(
    "leases",
    _metadata,
    Column("request", String(64), primary_key=True),
    Column("operator", String(64), primary_key=True),
    Column("lease", String(64), nullable=False),
    Column("began_s", BigInteger, nullable=False),
    Column("until_s", BigInteger, nullable=False),  # 0: it was given back
    Column("taken", Integer, nullable=False),  # how often this operator has taken the request
    Index("leases_by_lease", "lease", unique=True),
    Index("leases_by_end", "until_s"),
)


def upgrade() -> None:
    """The table, empty."""
    _metadata.create_all(op.get_bind())
