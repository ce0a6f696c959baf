"""How a registry comes into being, and its signed checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.errors import BadInput
from harness.registry.actions.acts import utc
from harness.registry.db import databases
from harness.registry.db.reader import Reader
from harness.registry.db.transaction import Item
from harness.registry.facts import EditorsFact, RegistryFact
from harness.registry.opening import open_database
from harness.registry.rules.base import document_of
from harness.registry.rules.times import LONGEST_LIST
from harness.registry.store import Registry
from harness.tlog import checkpoint
from harness.tlog.event import Event

LONGEST_DAYS = LONGEST_LIST.days  # of a list of editors: a list that never ends protects nobody from a lost key


@dataclass(frozen=True, slots=True)
class Charter:
    """What a registry is founded on."""

    origin: str
    registry_key: str  # hexadecimal
    editors: Mapping[str, Any]
    policy: str
    policy_sha256: str
    approvals: int
    demonstration: bool = False  # it takes synthetic records, and says so everywhere

    def event(self, by: str) -> Event:
        """The first event."""
        detail = {
            "registry_key": self.registry_key,
            "editors": dict(self.editors),
            "policy": self.policy,
            "policy_sha256": self.policy_sha256,
            "approvals": self.approvals,
            "demonstration": self.demonstration,
        }
        return Event("registry-created", self.origin, by, utc(), self.origin, "", 0, "", detail)


def document(version: int, threshold: int, expires: str | None, editors: Mapping[str, Any]) -> dict[str, Any]:
    """A list of editors that may be signed: whole, in force today, and for `LONGEST_DAYS` at most. Raises `BadInput`.

    `expires`: the last day, YYYY-MM-DD; None: in a year.
    """
    today = datetime.now(UTC).date()
    end = expires or (today + timedelta(days=365)).isoformat()
    made = {"version": version, "threshold": threshold, "expires": end, "editors": dict(editors)}
    in_time(document_of(made))
    return made


def in_time(editors: EditorsFact) -> None:
    """Raises `BadInput` for a list of editors that has expired, or expires too late to protect anybody."""
    today = datetime.now(UTC).date()
    latest = today + timedelta(days=LONGEST_DAYS)
    end = editors.expires
    if not today.isoformat() <= end <= latest.isoformat():
        what = "has passed" if end < today.isoformat() else f"is after {latest}"
        raise BadInput(
            f"its last day, {end}, {what}", where="editors", fix="--expires must be a day from today on, a year or so"
        )


def approvals_of(least: int, wanted: int | None, editors: int | None = None) -> int:
    """How many editors must approve a record: as many as the policy says, or more. Raises `BadInput`.

    `editors`: how many there are, where there must be enough of them already.
    """
    count = wanted or least
    if count < least:
        raise BadInput(f"the policy needs {least} approvals at least", where="--approvals", fix=f"give {least} or more")
    if editors is not None and count > editors:
        raise BadInput(
            f"{count} approvals are more than there are editors ({editors})",
            where="--approvals",
            fix="first: repro registry editors --add FILE --reason … --out CHANGE",
        )
    return count


def found(target: str, event: Event, keys: Sequence[Ed25519PrivateKey]) -> Registry:
    """Make the registry that the event describes. Raises `BadInput` and leaves nothing: there is one, or it may not be."""
    with databases.made(target) as database:
        Registry(database, target).append_one(Item(event.signed(keys).to_bytes()), utc())
    return open_database(target)


def sign_checkpoint(registry: Registry, key: Ed25519PrivateKey) -> bytes:
    """Sign the tree as it is now, and keep the note. Raises `BadInput` for another key than the log says."""
    with registry.reading() as reader:
        tree = tree_of(reader)
        in_force = reader.need(RegistryFact).key_of(tree.size)
    if key.public_key().public_bytes_raw().hex() != in_force:
        raise BadInput("the registry's key was rotated", where="registry key", fix="sign with the one that took over")
    note = checkpoint.sign(tree, key)
    registry.keep_checkpoint(tree.size, note)
    return note


def tree_of(reader: Reader) -> checkpoint.Checkpoint:
    """Origin, size and root of the log that the reader sees. Raises `BadInput` where there is no registry."""
    return checkpoint.Checkpoint(reader.origin(), reader.size(), reader.root())
