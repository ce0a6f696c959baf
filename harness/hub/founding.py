"""How a hub comes into being, and its signed checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.hub import checkpoint, engine
from harness.hub.acts import utc
from harness.hub.batch import Item
from harness.hub.event import Event
from harness.hub.reader import Reader
from harness.hub.store import Hub, open_hub


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
    with engine.made(target) as database:
        Hub(database, target).append_one(Item(event.signed(keys).to_bytes()), utc())
    return open_hub(target)


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
