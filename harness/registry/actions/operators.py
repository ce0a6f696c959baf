"""What is said of operators and their keys: verified, one person, rotated, revoked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

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


def untie(registry: Registry, actor: Actor, handle: str, other: str, reason: str) -> int:
    """Undo `tie`; the entry. Raises why it may not be."""
    return act(registry, actor, "operators-untied", handle, reason=reason, detail={"other": other}).entry.index


def one_person(registry: Registry, handle: str, other: str) -> bool:
    """Whether a machine or a tie connects them. A service is not asked: a copy of what is public can be."""
    with registry.reading() as reader:
        people = rows.people(reader, [handle, other])
    return people.get(handle, handle) == people.get(other, other)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much an operator may send to a service; `until`: the last day, YYYY-MM-DD."""

    events_per_hour: int
    events_per_day: int
    pending_records: int
    until: str


def raise_limits(registry: Registry, actor: Actor, handle: str, wanted: Limits, reason: str) -> int:
    """An editor lets the operator send more, for a time; the entry. Raises why it may not be."""
    return act(registry, actor, "limits-raised", handle, reason=reason, detail=asdict(wanted)).entry.index


def end_limits(registry: Registry, actor: Actor, handle: str, reason: str) -> int:
    """Undo `raise_limits`; the entry. Raises why it may not be."""
    return act(registry, actor, "limits-ended", handle, reason=reason).entry.index


def rotate(registry: Registry, handle: str, chain: Sequence[Link]) -> int:
    """Tell the registry the operator's newest key, with those between; the entry. Raises `BadInput`: unknown, nothing to tell."""
    with registry.reading() as reader:
        items = rotations(reader, handle, chain)
    return registry.append_all(items, utc())[-1].entry.index


UNREVOKED = "key-unrevoked"


def unrevoke(registry: Registry, actor: Actor, key: str, reason: str) -> int:
    """The revocation of the key, whose bytes or id begin so, was a mistake; the entry. Raises why it may not be."""
    return act(registry, actor, UNREVOKED, whole_key(registry, key), reason=reason).entry.index


def whole_key(registry: Registry, key: str) -> str:
    """The id of the operator's key whose bytes or id begin so. Raises `BadInput`."""
    with registry.reading() as reader:
        return reader.key_of(key)


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
