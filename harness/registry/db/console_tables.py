"""The tables `sessions` and `proposals`: what the editors' console keeps beside the log. Nothing here is exported."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import delete, insert, select, text, update

from harness.registry.db import tables
from harness.registry.db.reader import Reader, raw

_PROPOSAL = text(
    "INSERT INTO proposals (sha256, envelope, at_s) VALUES (:sha256, :envelope, :at_s) "
    "ON CONFLICT (sha256) DO UPDATE SET envelope = excluded.envelope"
)


@dataclass(frozen=True, slots=True)
class Line:
    """An editor who is signed in. Times are seconds since 1970."""

    handle: str
    key: str  # id
    began_s: int
    seen_s: int


def begin(reader: Reader, sha256: str, line: Line) -> None:
    """From now on."""
    values = {"handle": line.handle, "key": line.key, "began_s": line.began_s, "seen_s": line.seen_s}
    reader.connection.execute(insert(tables.sessions), {"sha256": sha256, **values})


def session(reader: Reader, sha256: str) -> Line | None:
    """The session behind the digest."""
    table = tables.sessions.c
    wanted = select(table.handle, table.key, table.began_s, table.seen_s).where(table.sha256 == sha256)
    found = reader.connection.execute(wanted).one_or_none()
    return None if found is None else Line(str(found[0]), str(found[1]), int(found[2]), int(found[3]))


def touch(reader: Reader, sha256: str, now_s: int) -> None:
    """It was used now."""
    table = tables.sessions
    reader.connection.execute(update(table).where(table.c.sha256 == sha256).values(seen_s=now_s))


def end(reader: Reader, sha256: str) -> None:
    """It is no more."""
    reader.connection.execute(delete(tables.sessions).where(tables.sessions.c.sha256 == sha256))


def forget(reader: Reader, before_s: int) -> None:
    """Sessions that nobody has used since."""
    reader.connection.execute(delete(tables.sessions).where(tables.sessions.c.seen_s < before_s))


def keep_proposal(reader: Reader, sha256: str, envelope: bytes, now_s: int) -> None:
    """In place of the same one with fewer signatures."""
    reader.connection.execute(_PROPOSAL, {"sha256": sha256, "envelope": envelope, "at_s": now_s})


def drop_proposal(reader: Reader, sha256: str) -> None:
    """It is no more."""
    reader.connection.execute(delete(tables.proposals).where(tables.proposals.c.sha256 == sha256))


def keep_proposals(reader: Reader, digests: Collection[str]) -> None:
    """These, and no others."""
    reader.connection.execute(delete(tables.proposals).where(tables.proposals.c.sha256.not_in(sorted(digests))))


def proposals(reader: Reader, since_s: int) -> dict[str, bytes]:
    """Those made since: envelopes by the digests of their payloads, the oldest first."""
    table = tables.proposals.c
    wanted = select(table.sha256, table.envelope).where(table.at_s >= since_s).order_by(table.at_s, table.sha256)
    return {str(name): raw(data, f"proposal {name[:12]}") for name, data in reader.connection.execute(wanted)}
