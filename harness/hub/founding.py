"""How a hub comes into being, and its signed checkpoints."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.errors import BadInput
from harness.files import refusal
from harness.hub import checkpoint, engine
from harness.hub.acts import utc
from harness.hub.batch import Item
from harness.hub.event import Event
from harness.hub.reader import Reader
from harness.hub.store import Hub


@dataclass(frozen=True, slots=True)
class Charter:
    """What a hub is founded on."""

    origin: str
    hub_key: str  # hexadecimal
    editors: Mapping[str, Any]
    policy: str
    policy_sha256: str
    approvals: int
    demonstration: bool = False  # it takes synthetic records, and says so everywhere

    def event(self, by: str) -> Event:
        """The first event."""
        detail = {
            "hub_key": self.hub_key,
            "editors": dict(self.editors),
            "policy": self.policy,
            "policy_sha256": self.policy_sha256,
            "approvals": self.approvals,
            "demonstration": self.demonstration,
        }
        return Event("hub-created", self.origin, by, utc(), self.origin, "", 0, "", detail)


def found(target: str, event: Event, keys: Sequence[Ed25519PrivateKey]) -> Hub:
    """Make the hub that the event describes. Raises `BadInput`, and leaves nothing: there is one, or the event may not be."""
    url = engine.url_of(target)
    path = Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None
    if path is not None and path.exists():
        raise BadInput("there is a hub already", where=str(path), fix="name another folder")
    try:
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refusal(error, path or Path(target)) from error
    database = engine.connect(url)
    try:
        if engine.version_of(database) is not None:
            raise BadInput("there is a hub already", where=target, fix="name another database")
        engine.upgrade(database)
        hub = Hub(database, target)
        hub.append_one(Item(event.signed(keys).to_bytes()), utc())
    except BaseException:
        database.dispose()
        if path is not None:
            for suffix in ("", "-wal", "-shm"):
                with contextlib.suppress(FileNotFoundError):
                    Path(f"{path}{suffix}").unlink()
        raise
    return hub


def sign_checkpoint(hub: Hub, key: Ed25519PrivateKey) -> bytes:
    """Sign the tree as it is now, and keep the note."""
    with hub.reading() as reader:
        tree = tree_of(reader)
    note = checkpoint.sign(tree, key)
    hub.keep_checkpoint(tree.size, note)
    return note


def tree_of(reader: Reader) -> checkpoint.Checkpoint:
    """Origin, size and root of the log that the reader sees. Raises `BadInput` where there is no hub."""
    return checkpoint.Checkpoint(reader.origin(), reader.size(), reader.root())
