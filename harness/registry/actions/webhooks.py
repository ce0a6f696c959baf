"""Webhooks: who is told, what is put into the outbox once, and delivering it, with retries, until it is taken or given up.

At least once: a process that dies between a delivery and writing it down leaves the message to the next try, under the same
`webhook-id`, by which a receiver knows it again.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date

from harness.errors import BadInput, NotFound, ReproError, one_line
from harness.registry.actions.acts import utc
from harness.registry.db import webhooks as table
from harness.registry.db.reader import Reader
from harness.registry.db.webhooks import Message, Outbox, Webhook
from harness.registry.queries import happened
from harness.registry.queries.happened import News, Topic
from harness.registry.remote import outgoing
from harness.registry.standard_webhooks import SECRET_BYTES, headers, shown, wait_s
from harness.registry.store import Registry

MOST_WEBHOOKS = 20
MOST_WAITING = 10_000  # of one receiver: what comes then is not put into the outbox
AT_ONCE = 20  # that one pass delivers to a receiver
_LEASE_MS = 300_000  # longer than all its answers take
_KEPT_MS = 30 * 86_400_000
_AT = "at"  # how far the log was told
Post = Callable[..., outgoing.Answer]


@dataclass(frozen=True, slots=True)
class Added:
    """A new receiver; the secret is shown once."""

    id: str
    secret: str


def add(registry: Registry, url: str, topics: Iterable[Topic], *, private: bool) -> Added:
    """Tell that address of these from now on. Raises `BadInput`: malformed, unencrypted, or too many."""
    wanted = tuple(sorted(set(topics)))
    if not wanted:
        raise BadInput("must name what to tell", where="--on", fix=f"give one of {', '.join(Topic)}")
    outgoing.proper(url, private=private)
    made = Webhook(secrets.token_hex(6), url, secrets.token_bytes(SECRET_BYTES), wanted, private)
    with registry.counting() as reader:
        if len(table.listed(reader)) >= MOST_WEBHOOKS:
            raise BadInput(f"there are {MOST_WEBHOOKS} already", where="webhooks", fix="remove one")
        _begun(reader)
        table.add(reader, made)
    return Added(made.id, shown(made.secret))


def remove(registry: Registry, identity: str) -> None:
    """With what waits for it. Raises `NotFound`."""
    with registry.counting() as reader:
        if identity not in {one.id for one in table.listed(reader)}:
            raise NotFound("there is no such webhook", where=identity[:32], fix="see: repro registry webhooks list")
        table.remove(reader, identity)


def listed(registry: Registry) -> list[tuple[Webhook, Outbox]]:
    """All, with how their messages are."""
    with registry.reading() as reader:
        return [(one, table.outbox_of(reader, one.id)) for one in table.listed(reader)]


def _begun(reader: Reader) -> None:
    """What was before the first webhook is told to nobody."""
    if not table.told(reader, _AT):
        table.tell(reader, _AT, {"entry": str(reader.size())})


def collect(registry: Registry, day: date | None = None) -> int:
    """Put what happened since the last time into the outbox, once, whichever process does it; how many messages."""
    with registry.reading() as reader:
        hooks, known, size, origin = table.listed(reader), table.told(reader, _AT), reader.size(), reader.origin()
        if not hooks:
            return 0
        first = int(known.get("entry", size))
        news = happened.entered(reader, first, size) if size > first else []
        rows = happened.touched(reader, first, size) if size > first else frozenset[str]()
        tiers, pairs = table.told(reader, Topic.TIER), table.told(reader, Topic.REGRESSION)
    wanted = {topic for hook in hooks for topic in hook.topics}
    today, now = day or date.fromisoformat(utc()[:10]), utc()
    told: dict[str, dict[str, str]] = {_AT: {"entry": str(size)}}
    if Topic.TIER in wanted:
        if known.get("tiers") != today.isoformat():
            rows = None  # days move tiers, too
        found = {} if rows is not None and not rows else happened.tiers(registry, rows, today)
        news += happened.moved(origin, tiers, found, now) if "tiers" in known else []
        told[Topic.TIER], told[_AT]["tiers"] = found, today.isoformat()
    if Topic.REGRESSION in wanted and (size > first or "regressions" not in known):
        with registry.reading() as reader:
            candidates = happened.candidates(reader)
        news += happened.appeared(origin, pairs, candidates, now) if "regressions" in known else []
        told[Topic.REGRESSION], told[_AT]["regressions"] = dict.fromkeys(candidates, now), "1"
    return 0 if not news and told[_AT].items() <= known.items() else _put(registry, known, told, news)


def _put(registry: Registry, known: dict[str, str], told: dict[str, dict[str, str]], news: Sequence[News]) -> int:
    at_ms = time.time_ns() // 1_000_000
    with registry.counting() as reader:
        if table.told(reader, _AT) != known:
            return 0  # another process was faster: it has put the same
        hooks = table.listed(reader)
        waiting = {hook.id: table.outbox_of(reader, hook.id).waiting for hook in hooks}
        messages = [
            Message(f"msg_{secrets.token_hex(16)}", hook.id, one.body(), 0)
            for one in news
            for hook in hooks
            if one.topic in hook.topics and waiting[hook.id] < MOST_WAITING
        ]
        table.put(reader, messages, at_ms)
        for topic, values in told.items():
            table.tell(reader, topic, values)
        table.forget(reader, at_ms - _KEPT_MS)
    return len(messages)


@dataclass(frozen=True, slots=True)
class Delivered:
    """What one pass did."""

    taken: int
    failed: int


def due(registry: Registry, now_ms: int | None = None) -> list[str]:
    """Receivers for whom something is due."""
    with registry.reading() as reader:
        return table.due(reader, _now(now_ms))


def deliver(registry: Registry, post: Post = outgoing.post, now_ms: int | None = None) -> Delivered:
    """Send what is due, a few messages to each receiver, to all of them beside one another. Nothing that one does is raised."""
    receivers = due(registry, now_ms)
    if not receivers:
        return Delivered(0, 0)
    with ThreadPoolExecutor(len(receivers)) as threads:
        found = list(threads.map(lambda one: deliver_to(registry, one, post, now_ms), receivers))
    return Delivered(sum(one.taken for one in found), sum(one.failed for one in found))


def deliver_to(registry: Registry, receiver: str, post: Post = outgoing.post, now_ms: int | None = None) -> Delivered:
    """The same to one receiver, one message after the other: whoever is slow is waited for by nobody else."""
    now = _now(now_ms)
    with registry.counting() as reader:
        hook = next((one for one in table.listed(reader) if one.id == receiver), None)
        claimed = [] if hook is None else table.claim(reader, receiver, now, _LEASE_MS, AT_ONCE)
    results = [(one, _sent(hook, one, post)) for one in claimed if hook is not None]
    with registry.counting() as reader:
        for one, said in results:
            wait = None if said == "" else wait_s(one.tries + 1)
            gone = said.endswith("410")
            table.tried(reader, one.id, None if wait is None or gone else now + wait * 1000, said or "delivered")
    failed = sum(said != "" for _, said in results)
    return Delivered(len(results) - failed, failed)


def _now(now_ms: int | None) -> int:
    return time.time_ns() // 1_000_000 if now_ms is None else now_ms


def _sent(hook: Webhook, one: Message, post: Post) -> str:
    """Why it was not taken; "" where it was."""
    try:
        answer = post(
            hook.url, one.body, headers(one.id, int(time.time()), one.body, hook.secret), private=hook.private
        )
    except ReproError as error:
        return one_line(error.what, 200)
    return "" if 200 <= answer.status < 300 else f"it answers {answer.status}"
