"""The key of a registry's log, asked of its service, and followed from one to the next only as the log announced it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from harness.errors import BadInput, RecordInvalid
from harness.record import envelope
from harness.record.envelope import key_id
from harness.registry.remote.address import address
from harness.registry.remote.client import Client
from harness.registry.remote.receipts import bytes_of
from harness.tlog import entry, proof
from harness.tlog import event as events
from harness.tlog.checkpoint import Checkpoint, parse_vkey

_MOST = 100  # changes of one log's key


@dataclass(frozen=True, slots=True)
class LogKey:
    """What a service says of its log: the key is believed by who sees it for the first time."""

    origin: str
    vkey: str
    changes: tuple[Mapping[str, Any], ...]

    def follows(self, old: str, new: str) -> bool:
        """Whether the log itself, under the key `old`, announced that `new` takes over, perhaps by way of others."""
        return followed(self.changes, old, new) is not None


def told_key(url: str) -> LogKey:
    """At this address. Raises `BadInput`: malformed, not reached, not a registry."""
    client = Client(address(url))
    try:
        found = client.get("/v1/registry").get("vkey")
        if not isinstance(found, str):
            raise RecordInvalid("answers what no registry answers", where=url, fix="check the address")
        return LogKey(parse_vkey(found, url)[0], found, told_changes(client))
    finally:
        client.close()


def told_changes(client: Client) -> tuple[Mapping[str, Any], ...]:
    """As its service tells them; nothing is checked."""
    found = client.get("/v1/registry/keys").get("changes")
    return tuple(one for one in found[:_MOST] if isinstance(one, dict)) if isinstance(found, list) else ()


def followed(changes: tuple[Mapping[str, Any], ...], old: str, new: str) -> list[Checkpoint] | None:
    """The trees, signed by the key before each, that hold the announcements from `old` to `new`; None: they do not lead there."""
    trees: list[Checkpoint] = []
    key = old
    for one in changes:
        if key == new:
            break
        if one.get("before") == key:
            try:
                trees.append(_announced(one))
            except (BadInput, KeyError, ValueError, TypeError):
                return None
            key = str(one["after"])
    return trees if key == new else None


def _announced(change: Mapping[str, Any]) -> Checkpoint:
    """The tree in which the announcement lies. Raises `BadInput`, `KeyError`, `ValueError` for what does not show it."""
    where = "registry key"
    (before, key), (after, following) = (parse_vkey(str(change[name]), where) for name in ("before", "after"))
    leaf, data = (bytes_of(change[name]) for name in ("leaf", "event"))
    tree = proof.check(proof.read(str(change["proof"]).encode(), where), leaf, {before: key}, where)
    line, payload = entry.read(leaf, where), envelope.read(data, where).payload
    event = events.read(payload, where)
    good = line.event_sha256 == sha256(payload).hexdigest() and line.envelope_sha256 == sha256(data).hexdigest()
    good = good and event.kind == "registry-key-announced" and before == after == tree.origin == event.registry
    if not good or event.detail["next_key_sha256"] != key_id(following):
        raise RecordInvalid("announces another key", where=where)
    return tree
