"""How much of a registry one key, one address and one handle may ask for: token buckets in its database.

They hold for every process that serves it, and through a restart. An address stands in a bucket's name only as a digest under a
secret of that day, which is thrown away with the day; what counts requests goes after an hour.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import TooMany
from harness.registry.db import service_tables
from harness.registry.db.reader import Reader
from harness.registry.store import Registry
from harness.tlog.event import Event

PENDING_OF_A_NEWCOMER = 5  # records of a handle that has none accepted
WHOLE_QUEUE = 10_000
_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
_OF_DAY = "limits:"


@dataclass(frozen=True, slots=True)
class Limit:
    """A bucket of `burst` tokens that fills with `count` in `seconds`."""

    name: str
    burst: int
    count: int
    seconds: int
    what: str  # in words

    @property
    def per_ms(self) -> float:
        """Tokens a millisecond."""
        return self.count / (self.seconds * 1000)


HOURLY = Limit("key-hour", 20, 60, 3600, "60 events an hour from one key, 20 at once")
DAILY = Limit("key-day", 200, 200, 86400, "200 events a day from one key")
REQUESTS = Limit("address-minute", 30, 30, 60, "30 requests a minute from one address")
NEWCOMERS = Limit("address-day", 5, 5, 86400, "5 new handles a day from one address")


@dataclass(frozen=True, slots=True)
class Spent:
    """One token of each limit, of this key or address."""

    limits: tuple[Limit, ...]
    of: str


def by_key(key: str) -> Spent:
    """An event that a known key has signed."""
    return Spent((HOURLY, DAILY), key)


def spend(registry: Registry, asked: Sequence[Spent], now_ms: int | None = None) -> list[TooMany | None]:
    """Take the tokens, in order, in one transaction; of each None, or why it may not be, with the seconds to wait."""
    now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    with registry.counting() as reader:
        service_tables.forget(reader, REQUESTS.name, now - _HOUR_MS)
        service_tables.forget(reader, NEWCOMERS.name, now - _DAY_MS)
        return [_one(reader, one, now) for one in asked]


def of_address(registry: Registry, address: str, day: str) -> str:
    """What stands for an address in the buckets of this day."""
    with registry.counting() as reader:
        secret = service_tables.secret_of(reader, _OF_DAY, day, secrets.token_bytes(32))
    return hmac.new(secret, address.encode(), "sha256").hexdigest()[:32]


def queue_has_room(reader: Reader, event: Event) -> None:
    """Raises `TooMany` where the queue is full, or holds enough of an operator of whom nothing was accepted yet."""
    if event.kind not in ("record-submitted", "failure-submitted"):
        return
    own = service_tables.of_operator(reader, event.by)
    if own.get("pending", 0) >= PENDING_OF_A_NEWCOMER and not own.get("accepted"):
        what = f"{own['pending']} records of {event.by} wait already, and none was accepted yet"
        raise too_many(what, _HOUR_MS / 1000)
    if service_tables.pending(reader) >= WHOLE_QUEUE:
        raise too_many(f"the queue holds {WHOLE_QUEUE} records", _HOUR_MS / 1000)


def _one(reader: Reader, one: Spent, now: int) -> TooMany | None:
    levels = []
    for limit in one.limits:
        name = f"{limit.name}:{one.of}"
        found = service_tables.level(reader, name)
        tokens, at = (float(limit.burst), now) if found is None else found
        tokens = min(limit.burst, tokens + max(now - at, 0) * limit.per_ms)
        if tokens < 1:
            return too_many(f"is over the limit: {limit.what}", (1 - tokens) / limit.per_ms / 1000)
        levels.append((name, tokens - 1))
    for name, tokens in levels:
        service_tables.fill(reader, name, tokens, now)
    return None


def too_many(what: str, wait_s: float) -> TooMany:
    """The refusal, with how long to wait."""
    wait = max(int(wait_s) + 1, 1)
    error = TooMany(what, where="requests", fix=f"try again in {wait} s")
    error.wait_s = wait
    return error
