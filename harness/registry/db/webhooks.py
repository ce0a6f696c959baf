"""The tables `webhooks`, `outbox` and `told`: the host's own, in no log and no export."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import delete, func, insert, select, text, update

from harness.registry.db import tables
from harness.registry.db.reader import Reader

_TOLD = text(
    "INSERT INTO told (topic, name, value) VALUES (:topic, :name, :value) "
    "ON CONFLICT (topic, name) DO UPDATE SET value = excluded.value"
)

_GONE = "gone"  # beside the topics in `told`: receivers by id


@dataclass(frozen=True, slots=True)
class Webhook:
    """One receiver."""

    id: str
    url: str
    secret: bytes = field(repr=False)
    topics: tuple[str, ...]
    private: bool  # this machine and its network may be meant
    gone: str = ""  # when it said that it wants nothing more


@dataclass(frozen=True, slots=True)
class Message:
    """One that waits to be delivered."""

    id: str
    webhook: str
    body: bytes
    tries: int


@dataclass(frozen=True, slots=True)
class Outbox:
    """How a receiver's messages are."""

    waiting: int
    delivered_or_given_up: int
    last_said: str  # of the newest message that was tried


def add(reader: Reader, one: Webhook) -> None:
    """A new one."""
    line = {"id": one.id, "url": one.url, "secret": one.secret, "topics": ",".join(one.topics)}
    reader.connection.execute(insert(tables.webhooks), line | {"private": int(one.private)})


def remove(reader: Reader, identity: str) -> None:
    """With what waits for it."""
    reader.connection.execute(delete(tables.outbox).where(tables.outbox.c.webhook == identity))
    reader.connection.execute(delete(tables.webhooks).where(tables.webhooks.c.id == identity))
    untell(reader, _GONE, identity)


def end(reader: Reader, identity: str, at: str, said: str) -> None:
    """It wants nothing more: nothing waits for it, and nothing is put into its outbox."""
    own = update(tables.outbox).where(tables.outbox.c.webhook == identity, tables.outbox.c.next_ms.is_not(None))
    reader.connection.execute(own.values(next_ms=None, said=said))
    tell(reader, _GONE, {identity: at})


def listed(reader: Reader) -> list[Webhook]:
    """All."""
    rows = reader.connection.execute(select(tables.webhooks).order_by(tables.webhooks.c.id)).mappings().all()
    gone = told(reader, _GONE)
    found = []
    for row in rows:
        topics, private = tuple(row["topics"].split(",")), bool(row["private"])
        found.append(Webhook(row["id"], row["url"], bytes(row["secret"]), topics, private, gone.get(row["id"], "")))
    return found


def outbox_of(reader: Reader, identity: str) -> Outbox:
    """Of one receiver."""
    table = tables.outbox.c
    own = select(func.count()).select_from(tables.outbox).where(table.webhook == identity)
    waiting = reader.connection.execute(own.where(table.next_ms.is_not(None))).scalar_one()
    done = reader.connection.execute(own.where(table.next_ms.is_(None))).scalar_one()
    newest = select(table.said).where(table.webhook == identity, table.tries > 0).order_by(table.made_ms.desc())
    return Outbox(int(waiting), int(done), str(reader.connection.execute(newest.limit(1)).scalar() or ""))


def put(reader: Reader, messages: Iterable[Message], now_ms: int) -> None:
    """To be delivered at once."""
    lines = [
        {"id": one.id, "webhook": one.webhook, "body": one.body, "made_ms": now_ms, "tries": 0, "next_ms": now_ms, "said": ""}
        for one in messages
    ]  # fmt: skip
    if lines:
        reader.connection.execute(insert(tables.outbox), lines)


def due(reader: Reader, now_ms: int) -> list[str]:
    """Receivers for whom something is due."""
    table = tables.outbox.c
    found = select(table.webhook).where(table.next_ms <= now_ms).distinct().order_by(table.webhook)
    return [str(one) for one in reader.connection.execute(found).scalars()]


def claim(reader: Reader, receiver: str, now_ms: int, lease_ms: int, most: int) -> list[Message]:
    """Those of a receiver that are due, the oldest first; nobody else gets them before the lease ends."""
    table = tables.outbox.c
    wanted = select(tables.outbox).where(table.webhook == receiver, table.next_ms <= now_ms)
    found = [
        Message(row["id"], row["webhook"], bytes(row["body"]), int(row["tries"]))
        for row in reader.connection.execute(wanted.order_by(table.next_ms).limit(most)).mappings()
    ]
    for one in found:
        again = update(tables.outbox).where(table.id == one.id)
        reader.connection.execute(again.values(next_ms=now_ms + lease_ms, tries=one.tries + 1))
    return found


def tried(reader: Reader, identity: str, next_ms: int | None, said: str) -> None:
    """What a try said, and when the next one is; None: none."""
    own = update(tables.outbox).where(tables.outbox.c.id == identity)
    reader.connection.execute(own.values(next_ms=next_ms, said=said))


def forget(reader: Reader, before_ms: int) -> None:
    """Messages that were delivered, or given up, and made before."""
    table = tables.outbox.c
    reader.connection.execute(delete(tables.outbox).where(table.next_ms.is_(None), table.made_ms < before_ms))


def told(reader: Reader, topic: str) -> dict[str, str]:
    """What was known of that topic when it was told last."""
    table = tables.told.c
    found = reader.connection.execute(select(table.name, table.value).where(table.topic == topic))
    return {str(name): str(value) for name, value in found}


def tell(reader: Reader, topic: str, values: Mapping[str, str]) -> None:
    """From now on these are known."""
    if values:
        lines = [{"topic": topic, "name": name, "value": value} for name, value in values.items()]
        reader.connection.execute(_TOLD, lines)


def untell(reader: Reader, topic: str, name: str | None = None) -> None:
    """Nothing is known of it, or of that name in it."""
    own = delete(tables.told).where(tables.told.c.topic == topic)
    reader.connection.execute(own if name is None else own.where(tables.told.c.name == name))
