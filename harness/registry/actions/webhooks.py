"""Webhooks: who is told, what is put into the outbox once, and delivering it, with retries, until it is taken or given up.

At least once: a process that dies between a delivery and writing it down leaves the message to the next try, under the same
`webhook-id`, by which a receiver knows it again.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Iterable, Sequence
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
_AT = "at"  # how far the log was told, and which topics' states are known
_MARKS = {str(Topic.TIER): "tiers", str(Topic.REGRESSION): "regressions"}
_GONE = "it answers 410: gone"  # by the specification such a receiver is told nothing more
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
        others = table.listed(reader)
        if len(others) >= MOST_WEBHOOKS:
            raise BadInput(f"there are {MOST_WEBHOOKS} already", where="webhooks", fix="remove one")
        _begun(reader, wanted, {topic for one in others if not one.gone for topic in one.topics})
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


def _told(reader: Reader) -> list[Webhook]:
    return [one for one in table.listed(reader) if not one.gone]


def _begun(reader: Reader, wanted: Iterable[str], followed: Collection[str]) -> None:
    """What was before the first webhook, or the first of a topic, is told to nobody; nor what was while there was none."""
    if not followed:
        table.untell(reader, _AT)
        table.tell(reader, _AT, {"entry": str(reader.size())})
    for topic in set(wanted) - set(followed):
        table.untell(reader, topic)
        if topic in _MARKS:
            table.untell(reader, _AT, _MARKS[topic])


def collect(registry: Registry, day: date | None = None) -> int:
    """Put what happened since the last time into the outbox, once, whichever process does it; how many messages."""
    with registry.reading() as reader:
        hooks, known, size, origin = _told(reader), table.told(reader, _AT), reader.size(), reader.origin()
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
        hooks = _told(reader)
        room = {hook.id: MOST_WAITING - table.outbox_of(reader, hook.id).waiting for hook in hooks}
        messages = [
            Message(f"msg_{secrets.token_hex(16)}", hook.id, one.body(), 0)
            for hook in hooks
            for one in [one for one in news if one.topic in hook.topics][: max(room[hook.id], 0)]
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
        if hook is None:
            return Delivered(0, 0)
        claimed = table.claim(reader, receiver, now, _LEASE_MS, AT_ONCE)
    results: list[tuple[Message, str]] = []
    for one in claimed:
        results.append((one, _sent(hook, one, post)))
        if results[-1][1] == _GONE:
            break
    with registry.counting() as reader:
        for one, said in results:
            wait = None if said == "" else wait_s(one.tries + 1)
            table.tried(reader, one.id, None if wait is None else now + wait * 1000, said or "delivered")
        if results and results[-1][1] == _GONE:
            table.end(reader, receiver, utc(), _GONE)
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
    return "" if 200 <= answer.status < 300 else _GONE if answer.status == 410 else f"it answers {answer.status}"
