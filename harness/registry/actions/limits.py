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
from ipaddress import IPv6Address, IPv6Network, ip_address

from harness.errors import TooMany
from harness.registry.db import lookups, service_tables
from harness.registry.db.reader import Reader
from harness.registry.facts import RequestFact, RequestStatus
from harness.registry.queries import failures, limits
from harness.registry.rules.limits import EVENTS_PER_DAY, EVENTS_PER_HOUR
from harness.registry.store import Registry
from harness.tiers.values import Status
from harness.tlog.event import Event

WHOLE_QUEUE = 10_000
SITE_BITS = 48
PENDING_REQUESTS = 20  # of one operator
_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
_OF_DAY = "limits:"
_SUBMISSIONS = ("record-submitted", "failure-submitted")


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


def _hourly(count: int) -> Limit:
    return Limit("key-hour", count // 3, count, 3600, f"{count} events an hour from one key, {count // 3} at once")


def _daily(count: int) -> Limit:
    return Limit("key-day", count, count, 86400, f"{count} events a day from one key")


HOURLY, DAILY = _hourly(EVENTS_PER_HOUR), _daily(EVENTS_PER_DAY)
LEASES = Limit("lease-hour", 120, 240, 3600, "240 calls about leases an hour from one key, 120 at once")
EDITORS_HOURLY, EDITORS_DAILY = _hourly(600), _daily(5000)  # of a key on the list of editors: see docs/decisions/0097
REQUESTS = Limit("address-minute", 30, 30, 60, "30 requests a minute from one address")
READS = Limit("key-reads", 300, 3000, 3600, "3000 signed requests an hour from one key, 300 at once")
NEWCOMERS = Limit("address-day", 5, 5, 86400, "5 new handles a day from one address")
# Of IPv6 anybody is given 48 bits for the asking, and so 65,536 networks of 64.
SITE_REQUESTS = Limit("site-minute", 300, 300, 60, "300 requests a minute from one site")
SITE_NEWCOMERS = Limit("site-day", 50, 50, 86400, "50 new handles a day from one site")
_OF_SITE = {REQUESTS: SITE_REQUESTS, NEWCOMERS: SITE_NEWCOMERS}


@dataclass(frozen=True, slots=True)
class Spent:
    """One token of each limit, of this key or address."""

    limits: tuple[Limit, ...]
    of: str
    by_key: bool = False  # whose operator may have other limits
    site: str = ""  # of an address: what stands for its site, whose limits count, too


def by_key(key: str) -> Spent:
    """An event that a known key has signed."""
    return Spent((HOURLY, DAILY), key, by_key=True)


def read_by(key: str) -> Spent:
    """A request that a known key has signed, and that carries no event: its number is written down, so it costs a write."""
    return Spent((READS,), key)


def of_leases(key: str) -> Spent:
    """A call about leases that a known key has signed: a machine that measures makes one a minute, and no event."""
    return Spent((LEASES,), key)


def spend(registry: Registry, asked: Sequence[Spent], now_ms: int | None = None) -> list[TooMany | None]:
    """Take the tokens, in order, in one transaction; of each None, or why it may not be, with the seconds to wait."""
    now = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    with registry.counting() as reader:
        for limit in (REQUESTS, SITE_REQUESTS):
            service_tables.forget(reader, limit.name, now - _HOUR_MS)
        for limit in (NEWCOMERS, SITE_NEWCOMERS):
            service_tables.forget(reader, limit.name, now - _DAY_MS)
        service_tables.forget(reader, READS.name, now - _HOUR_MS)
        return [_one(reader, one, now) for one in asked]


def network(address: str, bits: int = 64) -> str:
    """Who counts as one: an IPv4 address, and of IPv6 the first 64 bits, behind which all addresses are one person's."""
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(found, IPv6Address):
        inner, rest = found.ipv4_mapped, 128 - bits
        return str(IPv6Network((int(found) >> rest << rest, bits))) if inner is None else str(inner)
    return str(found)


def of_address(registry: Registry, address: str, day: str, *wanted: Limit) -> Spent:
    """The limits of an address, and of its site, under what stands for both in the buckets of this day."""
    with registry.counting() as reader:
        secret = service_tables.secret_of(reader, _OF_DAY, day, secrets.token_bytes(32))
    own, site = (
        hmac.new(secret, network(address, bits).encode(), "sha256").hexdigest()[:32] for bits in (64, SITE_BITS)
    )
    return Spent(wanted, own, site="" if site == own else site)


def queue_has_room(reader: Reader, event: Event, ahead: Sequence[Event] = ()) -> None:
    """Raises `TooMany` where the queue is full, or holds enough of an operator: requests, or records before one was accepted.

    `ahead`: taken before it in the same transaction, which the reader does not see yet.
    """
    if event.kind == "request-opened":
        own_requests = (one for one in reader.all(RequestFact).values() if one.by == event.by)
        coming = sum(one.kind == event.kind and one.by == event.by for one in ahead)
        if sum(one.status is RequestStatus.PENDING for one in own_requests) + coming >= PENDING_REQUESTS:
            raise too_many(f"{PENDING_REQUESTS} requests of {event.by} wait for an editor", _HOUR_MS / 1000)
    if event.kind not in _SUBMISSIONS:
        return
    submitters = [one.by for one in ahead if one.kind in _SUBMISSIONS]
    own = service_tables.of_operator(reader, event.by)
    found = limits.of(reader, event.by, _day(time.time_ns() // 1_000_000))
    if not own.get("accepted"):
        failed = sum(fact.status is Status.PENDING for _, fact in failures.of_operator(reader, event.by))
        waiting = own.get("pending", 0) + failed + submitters.count(event.by)
        if waiting >= found.pending_records:
            what = f"{waiting} records of {event.by} wait already, and none was accepted yet"
            raise too_many(what, _HOUR_MS / 1000)
    if service_tables.pending(reader) + lookups.pending_failures(reader) + len(submitters) >= WHOLE_QUEUE:
        raise too_many(f"the queue holds {WHOLE_QUEUE} records", _HOUR_MS / 1000)


def _held(reader: Reader, one: Spent, now: int) -> list[tuple[Limit, str]]:
    """The limits that hold now, and of what: a key's may be an editor's, or an editor may have raised those of its operator."""
    if one.by_key:
        return [(limit, one.of) for limit in _of_key(reader, one, now)]
    own = [(limit, one.of) for limit in one.limits]
    return own + ([(_OF_SITE[limit], one.site) for limit in one.limits if limit in _OF_SITE] if one.site else [])


def _of_key(reader: Reader, one: Spent, now: int) -> tuple[Limit, ...]:
    found = limits.of_key(reader, one.of, _day(now))
    if found is None and limits.is_editors(reader, one.of):
        return EDITORS_HOURLY, EDITORS_DAILY
    return (_hourly(found.events_per_hour), _daily(found.events_per_day)) if found and found.raised else one.limits


def _day(now_ms: int) -> str:
    return time.strftime("%Y-%m-%d", time.gmtime(now_ms / 1000))


def _one(reader: Reader, one: Spent, now: int) -> TooMany | None:
    levels = []
    for limit, of in _held(reader, one, now):
        name = f"{limit.name}:{of}"
        found = service_tables.level(reader, name)
        tokens, at = (float(limit.burst), now) if found is None else found
        tokens = min(limit.burst, tokens + max(now - at, 0) * limit.per_ms)
        if tokens < 1:
            if at > now:  # by a clock that was ahead: it fills from now on, and not from then
                service_tables.fill(reader, name, tokens, now)
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
