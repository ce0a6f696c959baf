"""Who is signed in at the editors' console. A session shows pages and prepares acts; it signs nothing, so it can decide nothing.

The browser keeps a random number, the database its digest. A session ends when it was idle, when it is old, and when its passkey
is no longer the one that the list of editors names for its handle.
"""

from __future__ import annotations

import hmac
import secrets
import time
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from harness.errors import NotAllowed, Unavailable
from harness.record.passkey import PasskeyKey, is_passkey, parse_key
from harness.registry.actions.acts import utc
from harness.registry.db import console_tables
from harness.registry.db.console_tables import Line
from harness.registry.db.reader import Reader
from harness.registry.facts import EditorsFact
from harness.registry.rules.base import id_of
from harness.registry.store import Registry
from harness.tlog.event import Event

IDLE_S = 30 * 60
LONGEST_S = 12 * 3600
SKEW_S = 60  # between the clocks of two processes: what began later was begun by a clock that was wrong
_TOUCH_S = 60  # a session that was used within that time is not written again


@dataclass(frozen=True, slots=True)
class Session:
    """An editor who is signed in. `in_force`: whether the list of editors is; when it has expired it can only be renewed."""

    handle: str
    key: str  # id of the passkey
    in_force: bool
    csrf: str  # what each form of this session must bring


def begin(registry: Registry, handle: str, key: str, now_s: int | None = None) -> str:
    """A new session's number, for the browser alone."""
    now, token = _now(now_s), secrets.token_urlsafe(32)
    with registry.counting() as reader:
        console_tables.forget(reader, now - LONGEST_S)
        console_tables.begin(reader, _digest(token), Line(handle, key, now, now))
    return token


def of(registry: Registry, token: str, now_s: int | None = None) -> Session | None:
    """The session behind the number, which is in use from now on; None where it has ended."""
    now, digest = _now(now_s), _digest(token)
    with registry.reading() as reader:
        line = console_tables.session(reader, digest)
        document = None if line is None else reader.get(EditorsFact, "")
    if line is None:
        return None
    # Where nothing can be written down, as on a full disk, who is signed in reads on; the session ends where it would have.
    if document is None or not _holds(line, document, now):
        with suppress(Unavailable):
            end(registry, token)
        return None
    if now - line.seen_s >= _TOUCH_S:
        with suppress(Unavailable), registry.counting() as reader:
            console_tables.touch(reader, digest, now)
    return Session(line.handle, line.key, document.expires >= utc()[:10], _csrf(token))


def end(registry: Registry, token: str) -> None:
    """Nobody is signed in by this number any more."""
    with registry.counting() as reader:
        console_tables.end(reader, _digest(token))


def signing_keys(reader: Reader, session: Session, event: Event) -> list[PasskeyKey]:
    """The passkeys that may sign this act of the session's editor: the own one, and of a new list the one that follows it.

    Raises `NotAllowed` where the list of editors does not name the session's passkey any more.
    """
    entry = reader.need(EditorsFact).editors.get(session.handle)
    if entry is None or id_of(entry.key) != session.key:
        raise NotAllowed(f"{session.handle} is no longer an editor with this passkey", where="session", fix="sign in")
    texts = [entry.key]
    if event.kind == "editors-changed":
        following = event.detail["editors"].get("editors", {}).get(session.handle, {}).get("key")
        texts += [following] if isinstance(following, str) and following != entry.key else []
    return [parse_key(text) for text in texts if is_passkey(text)]


def _holds(line: Line, document: EditorsFact, now: int) -> bool:
    entry = document.editors.get(line.handle)
    in_time = -SKEW_S <= now - line.seen_s < IDLE_S and -SKEW_S <= now - line.began_s < LONGEST_S
    return in_time and entry is not None and id_of(entry.key) == line.key


def _now(now_s: int | None) -> int:
    return int(time.time()) if now_s is None else now_s


def _digest(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _csrf(token: str) -> str:
    return hmac.new(token.encode("utf-8", "surrogatepass"), b"repro-harness console form", "sha256").hexdigest()
