"""Acts that an editor signs with a passkey: the event is made first, its digest is the challenge, the assertion its signature."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from harness.errors import BadInput
from harness.record import envelope
from harness.record.envelope import Envelope, asserted
from harness.record.passkey import Assertion, PasskeyKey, is_passkey, parse_key
from harness.registry.actions.acts import Actor, event
from harness.registry.actions.editors import proposed
from harness.registry.facts import EditorsFact, PasskeysFact
from harness.registry.store import Registry
from harness.tlog.event import PAYLOAD_TYPE


@dataclass(frozen=True, slots=True)
class Prepared:
    """An event that waits for its signature."""

    payload: bytes

    @property
    def challenge(self) -> bytes:
        """What the passkey is to sign, 32 bytes."""
        return envelope.challenge(PAYLOAD_TYPE, self.payload)

    def sealed(self, key: PasskeyKey, assertion: Assertion) -> bytes:
        """The event's envelope, for the same intake as any. Nothing is checked here: that is the intake's."""
        return Envelope(PAYLOAD_TYPE, self.payload, (asserted(key, assertion),)).to_bytes()


def prepared(
    registry: Registry,
    handle: str,
    kind: str,
    subject: str,
    *,
    reason: str = "",
    detail: Mapping[str, Any] | None = None,
) -> Prepared:
    """An editor's act on the log as it is now."""
    with registry.reading() as reader:
        made = event(reader, Actor(handle, ()), kind, subject, reason=reason, detail=detail)
    return Prepared(made.payload())


def challenge_of(data: bytes, where: str) -> bytes:
    """What a passkey is to sign of a proposal's file. Raises as `proposed`."""
    proposed(data, where)
    return Prepared(envelope.read(data, where).payload).challenge


def cosigned(data: bytes, key: PasskeyKey, assertion: Assertion, where: str) -> bytes:
    """The proposal with the passkey's signature, too. Raises as `proposed`, and `BadInput` where it is there already."""
    proposed(data, where)
    sealed = envelope.read(data, where)
    if key.id in {one.keyid for one in sealed.signatures}:
        raise BadInput("has your signature already", where=where, fix="let another editor sign")
    return replace(sealed, signatures=(*sealed.signatures, asserted(key, assertion))).to_bytes()


def allowed(registry: Registry) -> PasskeysFact | None:
    """Where passkeys count at this registry; None where nowhere."""
    with registry.reading() as reader:
        return reader.get(PasskeysFact, "")


def passkeys_of(registry: Registry) -> dict[str, PasskeyKey]:
    """The passkeys in the list of editors, by handle."""
    with registry.reading() as reader:
        editors = reader.need(EditorsFact).editors
    return {handle: parse_key(entry.key) for handle, entry in editors.items() if is_passkey(entry.key)}


def is_announced(registry: Registry, handle: str, key: PasskeyKey) -> None:
    """Raises `BadInput` unless the list of editors names it as that editor's next key."""
    with registry.reading() as reader:
        entry = reader.need(EditorsFact).editors.get(handle)
    if entry is None:
        raise BadInput("is not on the list of editors", where=handle, fix="leave out the line, and make two passkeys")
    if entry.next_key_sha256 != key.id:
        fix = f"paste the line of the key whose digest begins with {entry.next_key_sha256[:16]}"
        raise BadInput("is not the next key that the list of editors names", where="next", fix=fix)
