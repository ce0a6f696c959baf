"""What is done beside the log, such as a site: what was done last, and a row that one process at a time locks."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, MetaData, String, Table

revision = "0004"
down_revision = "0003"

_metadata = MetaData()

Table(
    "jobs",
    _metadata,
    Column("name", String(64), primary_key=True),
    Column("entries", BigInteger, nullable=False),  # of the log, which were there when it was last done; -1: never
    Column("signed", BigInteger, nullable=False),  # of these, below the newest checkpoint
    Column("day", String(10), nullable=False),
    Column("done_ms", BigInteger, nullable=False),  # when it ended well; ms since 1970
    Column("tried_ms", BigInteger, nullable=False),  # when it was last tried
    Column("failures", BigInteger, nullable=False),  # in a row
    Column("error", String(64), nullable=False),  # code of the last of these
)


def upgrade() -> None:
    """The table, empty."""
    _metadata.create_all(op.get_bind())
