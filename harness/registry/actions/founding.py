"""How a person founds a registry: everything is checked first, then it is there, with its first checkpoint, or it is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.catalog import policies
from harness.record.editor_keys import EditorSigners
from harness.registry.actions.create import Charter, approvals_of, document, found, sign_checkpoint
from harness.registry.db import databases
from harness.registry.exchange import last_seen
from harness.registry.store import Registry
from harness.tlog.origin import checked


@dataclass(frozen=True, slots=True)
class Plan:
    """What a new registry is to be."""

    place: str  # a folder or a postgresql:// URL
    origin: str
    policy: str
    expires: str | None = None  # the editors' last day, YYYY-MM-DD; None: in a year
    approvals: int | None = None  # None: as many as the policy asks for
    demonstration: bool = False


@dataclass(frozen=True, slots=True)
class Founded:
    """The registry, and how many editors must approve a record."""

    registry: Registry
    approvals: int


def free(plan: Plan, seen: Path) -> None:
    """Raises `BadInput` where the place holds something, or this user (`seen`) knows another log of that origin."""
    databases.vacant(plan.place)
    last_seen.unused(checked(plan.origin), seen)


def create_registry(plan: Plan, editor: EditorSigners, own_key: Callable[[], Ed25519PrivateKey], seen: Path) -> Founded:
    """Found it with its first editor. `own_key` gives the registry's key, and is asked once all else holds.

    Raises `BadInput` and leaves nothing: as `free`, or an unknown policy, too few approvals, days out of range.
    """
    free(plan, seen)
    loaded = policies.load(plan.policy)
    editors = document(1, 1, plan.expires, {editor.public.handle: editor.public.entry()})
    wanted = approvals_of(loaded.policy.approvals, plan.approvals)
    own = own_key()
    public = own.public_key().public_bytes_raw().hex()
    charter = Charter(plan.origin, public, editors, plan.policy, loaded.sha256, wanted, plan.demonstration)
    made = found(plan.place, charter.event(editor.public.handle), [editor.key])
    sign_checkpoint(made, own)
    last_seen.look(made, seen)
    return Founded(made, wanted)
