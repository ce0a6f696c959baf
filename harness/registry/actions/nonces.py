"""Numbers that a service gives out for signed requests: each is used once, within minutes, whatever process gave it."""

from __future__ import annotations

import hmac
import secrets
import time
from hashlib import sha256

from harness.errors import Unsigned
from harness.record.signed_request import LONGEST_S
from harness.registry.db import service_tables
from harness.registry.store import Registry

SKEW_S = 60  # between the clocks of two processes
_KEPT_S = LONGEST_S + 2 * SKEW_S  # a used number is remembered for longer than anybody takes it
_NAME = "nonces"


def secret(registry: Registry) -> bytes:
    """By which the registry knows its own numbers."""
    with registry.counting() as reader:
        return service_tables.secret_of(reader, _NAME, "", secrets.token_bytes(32))


def issued(key: bytes, now_s: int | None = None) -> str:
    """A number that nobody can guess, with its time."""
    text = f"{now_s if now_s is not None else int(time.time())}.{secrets.token_hex(16)}"
    return f"{text}.{_mark(key, text)}"


def use(registry: Registry, key: bytes, nonce: str, now_s: int | None = None) -> None:
    """Raises `Unsigned`: another's number, an old one, or one that was used."""
    now = int(time.time()) if now_s is None else now_s
    text, _, mark = nonce.rpartition(".")
    when = text.partition(".")[0]
    if not nonce.isascii() or not hmac.compare_digest(mark, _mark(key, text)) or not when.isdecimal():
        raise _refused("must be a number of this registry")
    if not int(when) - SKEW_S <= now <= int(when) + LONGEST_S:
        raise _refused("is too old")
    with registry.counting() as reader:
        fresh = service_tables.use(reader, sha256(nonce.encode()).hexdigest(), int(when) + _KEPT_S, now)
    if not fresh:
        raise _refused("was used before")


def _mark(key: bytes, text: str) -> str:
    return hmac.new(key, text.encode(), "sha256").hexdigest()


def _refused(what: str) -> Unsigned:
    return Unsigned(what, where="nonce", fix="take a new one from /v1/nonce")
