"""The key that signs the log's checkpoints: announce the next one, and let it take over."""

from __future__ import annotations

from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.errors import BadInput, ReproError
from harness.registry.actions.acts import Actor, Item, act, event, utc
from harness.registry.actions.create import sign_checkpoint
from harness.registry.db import checkpoints
from harness.registry.facts import RegistryFact
from harness.registry.store import Registry
from harness.tlog import checkpoint

ANNOUNCED, ROTATED = "registry-key-announced", "registry-key-rotated"


def announcement(registry: Registry, next_key_sha256: str) -> tuple[str, dict[str, str]]:
    """Subject and detail of the event that says which key comes next."""
    with registry.reading() as reader:
        return reader.origin(), {"next_key_sha256": next_key_sha256}


def announce(registry: Registry, actor: Actor, next_key_sha256: str, reason: str) -> int:
    """Where one editor is enough; the entry. Raises why it may not be."""
    subject, detail = announcement(registry, next_key_sha256)
    return act(registry, actor, ANNOUNCED, subject, reason=reason, detail=detail).entry.index


def rotate(registry: Registry, present: Sequence[Ed25519PrivateKey], following: Ed25519PrivateKey) -> int:
    """The announced key takes over; the entry. `present`: empty where it is lost.

    The present key must have signed a tree that holds the announcement: by that, who knows it alone follows.

    Raises `BadInput`: not announced, or no tree with the announcement is signed and the key for that is not here.
    """
    with registry.reading() as reader:
        fact, signed = reader.need(RegistryFact), checkpoints.newest_size(reader)
        if fact.announced is None:
            raise BadInput(
                "no key was announced", where="registry key", fix="first: repro registry key announce --reason TEXT"
            )
        made = event(reader, Actor("registry", ()), ROTATED, fact.origin, detail={"registry_key": _text(following)})
    if signed <= fact.announced:
        if not present:
            raise BadInput(
                "no checkpoint of the present key holds the announcement: nobody who knows it could follow",
                where="registry key",
                fix="where that key is kept: repro registry checkpoint",
            )
        sign_checkpoint(registry, present[0])
    item = Item(made.signed([following]).to_bytes())
    (taken,) = registry.append_sealed([item], utc(), lambda tree: checkpoint.sign(tree, following))
    if isinstance(taken, ReproError):
        raise taken
    return taken.entry.index


def _text(key: Ed25519PrivateKey) -> str:
    return key.public_key().public_bytes_raw().hex()
