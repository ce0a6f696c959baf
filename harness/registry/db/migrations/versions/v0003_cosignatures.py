"""What witnesses signed of each checkpoint."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, LargeBinary, MetaData, String, Table

revision = "0003"
down_revision = "0002"

_metadata = MetaData()

Table(
    "cosignatures",
    _metadata,
    Column("size", BigInteger, primary_key=True, autoincrement=False),
    Column("witness", String(300), primary_key=True),
    Column("line", LargeBinary, nullable=False),
)


def upgrade() -> None:
    """The table, empty."""
    _metadata.create_all(op.get_bind())
