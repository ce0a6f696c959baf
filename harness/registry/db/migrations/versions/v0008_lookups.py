"""Records by the request that they answer, failed runs by operator and status: empty, and made by whoever writes next. And the
newest act about each thing that acts turn to and fro, from the log.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import Any

from alembic import op
from sqlalchemy import Column, Index, MetaData, String, Table, text

revision = "0008"
down_revision = "0007"

_metadata = MetaData()

Table(
    "answers",
    _metadata,
    Column("record", String(64), primary_key=True),
    Column("request", String(64), nullable=False),
    Index("answers_by_request", "request"),
)
Table(
    "failures",
    _metadata,
    Column("record", String(64), primary_key=True),
    Column("operator", String(64), nullable=False),
    Column("status", String(16), nullable=False),
    Index("failures_by_operator", "operator"),
    Index("failures_by_status", "status"),
)

_THINGS = {
    "operator-verified": "verified",
    "operator-unverified": "verified",
    "operators-tied": "tie",
    "operators-untied": "tie",
    "limits-raised": "limits",
    "limits-ended": "limits",
    "key-revoked": "revocation",
    "key-unrevoked": "revocation",
    "request-accepted": "request",
    "request-rejected": "request",
    "request-marked-duplicate": "request",
    "request-archived": "request",
    "request-revived": "request",
    "request-claimed": "request",
    "request-released": "request",
    "row-reported": "report",
    "report-withdrawn": "report",
}
_EVENTS = text("SELECT e.idx, b.data FROM entries e JOIN bodies b ON b.sha256 = e.envelope_sha256 ORDER BY e.idx")
_FACT = text("INSERT INTO facts (kind, name, value, key) VALUES ('last-act', :name, :value, NULL)")


def upgrade() -> None:
    """Both tables, and the facts."""
    connection = op.get_bind()
    _metadata.create_all(connection)
    newest: dict[str, int] = {}
    for index, data in connection.execute(_EVENTS):
        newest.update(dict.fromkeys(_acts(data), index))
    if newest:
        connection.execute(_FACT, [{"name": n, "value": json.dumps({"entry": i})} for n, i in sorted(newest.items())])


def _acts(data: Any) -> Iterator[str]:
    """The name of the thing that the event in the envelope is an act about. What can't be read is an audit's to name."""
    try:
        event = json.loads(base64.b64decode(json.loads(bytes(data))["payload"]))
        what, subject = _THINGS[event["kind"]], event["subject"]
        if what == "tie":
            subject = "|".join(sorted({subject, event["detail"]["other"]}))
        elif what == "report":
            subject = f"{event['by']} {subject}"
    except (KeyError, TypeError, ValueError):
        return
    yield f"{what} {subject}"
