"""What the editors' console keeps: who is signed in, and changes that wait for more editors to sign them."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Index, LargeBinary, MetaData, String, Table

revision = "0005"
down_revision = "0004"

_metadata = MetaData()

Table(
    "sessions",
    _metadata,
    Column("sha256", String(64), primary_key=True),  # of the number that the browser keeps
    Column("handle", String(64), nullable=False),
    Column("key", String(64), nullable=False),  # id of the passkey that signed in
    Column("began_s", BigInteger, nullable=False),  # s since 1970
    Column("seen_s", BigInteger, nullable=False),
    Index("sessions_by_time", "seen_s"),
)
Table(
    "proposals",
    _metadata,
    Column("sha256", String(64), primary_key=True),  # of the event's payload
    Column("envelope", LargeBinary, nullable=False),
    Column("at_s", BigInteger, nullable=False),
)


def upgrade() -> None:
    """Both tables, empty."""
    _metadata.create_all(op.get_bind())
