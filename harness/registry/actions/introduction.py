"""How an operator becomes known to a registry: a handle with its first key, and each key that took over since, as signed events.

A record may be older than its operator's present key. Whoever joins brings the whole chain of keys, so that what an earlier one
signed can still be submitted; each link was announced by the one before.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.errors import BadInput
from harness.registry.actions.acts import Actor, event
from harness.registry.db.reader import Reader
from harness.registry.db.transaction import Item
from harness.registry.facts import OperatorFact


@dataclass(frozen=True, slots=True)
class Link:
    """One key of an operator, and the digest of the next, which it announced."""

    key: Ed25519PrivateKey
    next_key_sha256: str

    @property
    def public(self) -> str:
        """The key, hexadecimal."""
        return self.key.public_key().public_bytes_raw().hex()

    @property
    def detail(self) -> dict[str, str]:
        """What an event says that brings it."""
        return {"operator_key": self.public, "next_key_sha256": self.next_key_sha256}


def introduced(
    reader: Reader, handle: str, chain: Sequence[Link], editor: Ed25519PrivateKey | None = None
) -> list[Item]:
    """The events that make the handle known, oldest key first; none where the registry knows it by the newest one.

    `editor`: the same person's key where the handle is an editor's, too. Raises `BadInput` where the registry knows another key.
    """
    known = reader.get(OperatorFact, handle)
    if known is None:
        first = chain[0]
        both = (first.key,) if editor is None else (first.key, editor)
        joined = event(reader, Actor(handle, both), "operator-joined", handle, detail=first.detail)
        return [Item(joined.signed(both).to_bytes()), *_took_over(reader, handle, chain[1:])]
    if known.key == chain[-1].public:
        return []
    raise BadInput(
        f"the registry knows {handle} by another key",
        where=handle,
        fix="run: repro operator rotate"
        if any(link.public == known.key for link in chain)
        else "it is somebody else's handle, or your keys are older than the registry's: make keys with another handle",
    )


def rotations(reader: Reader, handle: str, chain: Sequence[Link]) -> list[Item]:
    """The events that lead from the key that the registry knows to the newest. Raises `BadInput`: unknown, or nothing to tell."""
    known = reader.get(OperatorFact, handle)
    if known is None:
        raise BadInput(
            f"the registry does not know {handle} yet", where=handle, fix="your first submission tells it your keys"
        )
    places = [place for place, link in enumerate(chain) if link.public == known.key]
    if known.key == chain[-1].public:
        raise BadInput("the registry knows this key already", where=handle, fix="first: repro keys rotate")
    # Without the earlier keys at hand the newest is offered alone: the registry may have it announced.
    return _took_over(reader, handle, chain[places[0] + 1 :] if places else chain[-1:])


def _took_over(reader: Reader, handle: str, links: Sequence[Link]) -> list[Item]:
    return [
        Item(
            event(reader, Actor(handle, (link.key,)), "operator-rotated", handle, detail=link.detail)
            .signed((link.key,))
            .to_bytes()
        )
        for link in links
    ]
