"""Editors with passkeys in a small world: where their passkeys count, how they come into the list, and how they act."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.record.passkey import ES256
from harness.registry.actions import acts
from harness.registry.actions.acts import Actor
from harness.registry.actions.passkeys import Prepared, prepared
from harness.registry.db.transaction import Item, Taken
from harness.registry.facts import EditorsFact
from harness.registry.facts.stored import dump
from tests.support.authenticator import Authenticator
from tests.support.registry_world import World, key

WEB_ORIGIN, RP_ID = "https://bench.example.org", "example.org"


def passkey(name: str, algorithm: int = ES256, rp_id: str = RP_ID) -> Authenticator:
    return Authenticator(algorithm, rp_id, name)


def entry(owner: Authenticator, following: str = "") -> dict[str, str]:
    """As the list of editors holds it; the next key is another passkey, unless its id is given."""
    after = following or passkey(f"{owner.name} after", owner.algorithm).key.id
    return {"key": owner.key.text(), "next_key_sha256": after}


def allow(small: World, web_origin: str = WEB_ORIGIN, rp_id: str = RP_ID, who: Actor | None = None) -> Taken:
    """Passkeys count at this web origin."""
    detail = {"rp_id": rp_id}
    return small.act(who or small.editor(), "passkeys-allowed", web_origin, reason="a console", detail=detail)


def listed(small: World, entries: Mapping[str, Mapping[str, str] | None], **changes: Any) -> dict[str, Any]:
    """The next list: these entries instead of the present ones, None to remove one."""
    with small.registry.reading() as reader:
        present = dump(reader.need(EditorsFact))
    people = {**present["editors"], **entries}
    kept = {handle: one for handle, one in people.items() if one is not None}
    return {**present, "version": present["version"] + 1, "editors": kept, **changes}


def change(small: World, entries: Mapping[str, Mapping[str, str] | None], *who: str, **changes: Any) -> Taken:
    """The next list, signed by key files."""
    names = who or ("ed",)
    actor = Actor(names[0], tuple(key(name) for name in names))
    detail = {"editors": listed(small, entries, **changes)}
    return small.act(actor, "editors-changed", "editors", reason="so agreed", detail=detail)


def with_passkey(small: World, handle: str = "pat", algorithm: int = ES256) -> Authenticator:
    """A second editor, who has a passkey."""
    owner = passkey(handle, algorithm)
    allow(small)
    change(small, {handle: entry(owner)})
    return owner


def sealed(owner: Authenticator, made: Prepared, web_origin: str = WEB_ORIGIN, **said: Any) -> bytes:
    """The event, signed with the passkey."""
    return made.sealed(owner.key, owner.assertion(made.challenge, web_origin, **said))


def act(small: World, owner: Authenticator, handle: str, kind: str, subject: str, **said: Any) -> Taken:
    """An act of an editor with a passkey, in the log."""
    more = {name: said.pop(name) for name in ("reason", "detail") if name in said}
    made = prepared(small.registry, handle, kind, subject, **{"reason": "complete, and possible", **more})
    return small.registry.append_one(Item(sealed(owner, made, **said)), acts.utc())
