"""DSSE envelopes (v1.0.2): signatures of Ed25519 keys and passkeys over the payload's stored bytes and its type. Pure.

The signature is checked over the bytes first; only then does anybody parse them. The payload type is our own, so that a
signed thing of another kind can't be passed off as a record.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from harness.errors import RecordInvalid
from harness.record.passkey import Assertion, PasskeyAt, PasskeyKey

PAYLOAD_TYPE = "application/vnd.repro.record.v1+json"
SIZE_LIMIT = 32 << 20
SIGNATURES_LIMIT = 16
PublicKey = Ed25519PublicKey | PasskeyAt
_MOST_HELD = 4096
_held: set[tuple[bytes, bytes, bytes]] = set()  # key, signature, digest of what it signs: of signatures that hold


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding: what is signed (DSSE protocol, section 2)."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def key_id(public: Ed25519PublicKey) -> str:
    """A key's name: sha256 of its 32 bytes, in hexadecimal."""
    return sha256(public.public_bytes_raw()).hexdigest()


def challenge(payload_type: str, payload: bytes) -> bytes:
    """What a passkey is asked to sign in the stead of these: their digest, 32 bytes."""
    return sha256(pae(payload_type, payload)).digest()


@dataclass(frozen=True, slots=True)
class WebAuthn:
    """What a passkey's signature covers beside the payload."""

    authenticator_data: bytes
    client_data_json: bytes


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature; `keyid` is a hint only. `webauthn`: of a passkey's, never of another key's."""

    keyid: str
    sig: bytes
    webauthn: WebAuthn | None = None

    def to_json(self) -> dict[str, Any]:
        """As the envelope holds it."""
        found: dict[str, Any] = {"keyid": self.keyid, "sig": base64.b64encode(self.sig).decode()}
        if self.webauthn is not None:
            found["webauthn"] = {
                "authenticator_data": base64.b64encode(self.webauthn.authenticator_data).decode(),
                "client_data_json": base64.b64encode(self.webauthn.client_data_json).decode(),
            }
        return found


def asserted(key: PasskeyKey, assertion: Assertion) -> Signature:
    """A passkey's assertion over `challenge` as a signature."""
    told = WebAuthn(assertion.authenticator_data, assertion.client_data_json)
    return Signature(key.id, assertion.signature, told)


@dataclass(frozen=True, slots=True)
class Envelope:
    """What an envelope file holds; nothing in it is believed before `verify`."""

    payload_type: str
    payload: bytes
    signatures: tuple[Signature, ...]

    def to_bytes(self) -> bytes:
        """The JSON file."""
        return json.dumps(
            {
                "payloadType": self.payload_type,
                "payload": base64.b64encode(self.payload).decode(),
                "signatures": [one.to_json() for one in self.signatures],
            },
            indent=1,
        ).encode()


def sign(payload: bytes, keys: Sequence[Ed25519PrivateKey], payload_type: str = PAYLOAD_TYPE) -> Envelope:
    """The payload with a signature of each key, in order."""
    signed = pae(payload_type, payload)
    return Envelope(payload_type, payload, tuple(Signature(key_id(key.public_key()), key.sign(signed)) for key in keys))


def read(data: bytes, where: str) -> Envelope:
    """The envelope in the bytes. Raises `RecordInvalid` for anything that is not one."""
    if len(data) > SIZE_LIMIT:
        raise RecordInvalid(f"has {len(data)} bytes, the limit is {SIZE_LIMIT}", where=where)
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse)
        if set(value) != {"payloadType", "payload", "signatures"} or not isinstance(value["payloadType"], str):
            raise ValueError("it does not hold payloadType, payload and signatures")
        found = value["signatures"]
        if not isinstance(found, list) or not 1 <= len(found) <= SIGNATURES_LIMIT:
            raise ValueError(f"it holds no list of 1 to {SIGNATURES_LIMIT} signatures")
        # In a record's envelope other members say nothing: only acts are signed with passkeys.
        signatures = tuple(_signature(one, value["payloadType"] != PAYLOAD_TYPE) for one in found)
        return Envelope(value["payloadType"], _decoded(_text(value, "payload")), signatures)
    except (ValueError, TypeError, KeyError, RecursionError, AttributeError) as error:
        raise RecordInvalid(
            f"is not a DSSE envelope ({error})", where=where, fix="it is damaged; take another copy"
        ) from None


def verify(
    envelope: Envelope, keys: Mapping[str, PublicKey], where: str, payload_type: str = PAYLOAD_TYPE
) -> tuple[str, ...]:
    """The ids of `keys` that signed it. Raises `RecordInvalid`: another type, a false signature, or none by these keys."""
    if envelope.payload_type != payload_type:
        raise RecordInvalid(f"is signed as {envelope.payload_type!r}, not as a record", where=where)
    signed = pae(envelope.payload_type, envelope.payload)
    found = []
    for signature in envelope.signatures:
        key = keys.get(signature.keyid)
        if key is None:
            continue
        try:
            _check(key, signature, signed)
        except (InvalidSignature, ValueError) as error:
            raise RecordInvalid(
                f"the signature of key {signature.keyid[:16]}… is false" + (f": {error}" if str(error) else ""),
                where=where,
                fix="it was changed after it was signed; take the original",
            ) from None
        found.append(signature.keyid)
    if not found:
        raise RecordInvalid("no known key has signed it", where=where, fix="get the operator's public key")
    return tuple(dict.fromkeys(found))


def _check(key: PublicKey, signature: Signature, signed: bytes) -> None:
    """Raises `InvalidSignature`, or `ValueError` that says why."""
    told = signature.webauthn
    if isinstance(key, PasskeyAt):
        if told is None:
            raise ValueError("must be a passkey's assertion")
        key.verify(Assertion(told.authenticator_data, told.client_data_json, signature.sig), sha256(signed).digest())
    elif told is not None:
        raise ValueError("must not be a passkey's assertion")
    else:
        _verify(key, signature.sig, signed)


def _verify(key: Ed25519PublicKey, sig: bytes, signed: bytes) -> None:
    """Raises `InvalidSignature`. A service asks twice of one event, before and in its transaction: what held holds."""
    one = (key.public_bytes_raw(), sig, sha256(signed).digest())
    if one in _held:
        return
    key.verify(sig, signed)
    if len(_held) >= _MOST_HELD:
        _held.clear()
    _held.add(one)


def _signature(value: object, with_passkeys: bool) -> Signature:
    keyid, sig = _text(value, "keyid"), _decoded(_text(value, "sig"))
    if not (with_passkeys and isinstance(value, dict) and "webauthn" in value):
        return Signature(keyid, sig)
    parts = [_decoded(_text(value["webauthn"], name)) for name in ("authenticator_data", "client_data_json")]
    return Signature(keyid, sig, WebAuthn(*parts))


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found


def _refuse(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def _text(value: object, name: str) -> str:
    text = value[name] if isinstance(value, dict) else None
    if not isinstance(text, str):
        raise TypeError(f"{name} must be text")
    return text


def _decoded(text: str) -> bytes:
    """Standard or URL-safe base64, as DSSE asks of readers; nothing else, and no white space."""
    try:
        return base64.b64decode(text.translate(str.maketrans("-_", "+/")), validate=True)
    except binascii.Error as error:
        raise ValueError(f"base64: {error}") from None
