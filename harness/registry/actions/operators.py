"""What is said of operators and their keys: verified, one person, rotated, revoked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from harness.errors import BadInput
from harness.record.keys import by_id
from harness.registry.actions.acts import Actor, act, utc
from harness.registry.actions.introduction import Link, rotations
from harness.registry.facts import OperatorFact
from harness.registry.queries import rows
from harness.registry.store import Registry


def verify(registry: Registry, actor: Actor, handle: str, reason: str) -> int:
    """An editor has seen that the operator owns the hardware; the entry that says so. Raises why it may not be."""
    return act(registry, actor, "operator-verified", handle, reason=reason).entry.index


def unverify(registry: Registry, actor: Actor, handle: str, reason: str) -> int:
    """Undo `verify`; the entry. Raises why it may not be."""
    return act(registry, actor, "operator-unverified", handle, reason=reason).entry.index


def tie(registry: Registry, actor: Actor, handle: str, other: str, reason: str) -> int:
    """Two handles are one person from now on; the entry. Raises why it may not be."""
    return act(registry, actor, "operators-tied", handle, reason=reason, detail={"other": other}).entry.index


@dataclass(frozen=True, slots=True)
class Untied:
    """Two handles whose tie was taken back."""

    entry: int
    still_one: bool  # a machine or another tie connects them


def untie(registry: Registry, actor: Actor, handle: str, other: str, reason: str) -> Untied:
    """Undo `tie`. Raises why it may not be."""
    with registry.reading() as reader:
        rows.people(reader, [handle, other])  # what can't be asked afterwards is refused before
    taken = act(registry, actor, "operators-untied", handle, reason=reason, detail={"other": other})
    with registry.reading() as reader:
        people = rows.people(reader, [handle, other])
    return Untied(taken.entry.index, people.get(handle, handle) == people.get(other, other))


def rotate(registry: Registry, handle: str, chain: Sequence[Link]) -> int:
    """Tell the registry the operator's newest key, with those between; the entry. Raises `BadInput`: unknown, nothing to tell."""
    with registry.reading() as reader:
        items = rotations(reader, handle, chain)
    return registry.append_all(items, utc())[-1].entry.index


def revoke(registry: Registry, actor: Actor, key: str, from_entry: int, reason: str, *, editorial: bool = False) -> int:
    """What the key, whose bytes or id begin so, signed from that entry on is void; the entry that says so.

    `editorial`: an editor speaks of another's key. Raises `BadInput`: no such key, or one that would revoke itself.
    """
    with registry.reading() as reader:
        whole = reader.key_of(key)
        own = reader.get(OperatorFact, actor.handle)
    if not editorial and own is not None and whole in by_id(own.key):
        raise BadInput(
            "a key cannot revoke itself",
            where=whole[:12],
            fix="rotate first: repro keys rotate, then repro operator rotate; or ask an editor",
        )
    taken = act(registry, actor, "key-revoked", whole, reason=reason, detail={"from_index": from_entry})
    return taken.entry.index
