"""Passkeys (WebAuthn Level 3): the public key of one, and whether an assertion of it signs a challenge. Pure.

An assertion signs the authenticator's data and the browser's, which holds the challenge: where that is the digest of an event,
the assertion is a signature over the event. What the browser adds beside the members that are looked at says nothing.
"""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from harness.record import ed25519
from harness.record.web_origin import is_domain

ES256, ED25519 = -7, -8  # as COSE numbers them
ALGORITHMS = {ES256: "es256", ED25519: "ed25519"}
CREDENTIAL_LIMIT = 1023  # bytes of a credential id (WebAuthn, section 4)
CLIENT_DATA_LIMIT = 2048  # bytes; browsers write some 200
DATA_LENGTH = 37  # of an authenticator's data without extensions: digest of the rpId, flags, counter
PRESENT, VERIFIED, ELIGIBLE, BACKED_UP, ATTESTED, EXTENDED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80
_RESERVED = 0x22
_TEXT = re.compile(r"passkey:(es256|ed25519):((?:[0-9a-f]{2})+):((?:[0-9a-f]{2})+):([a-z0-9.-]+)")


@dataclass(frozen=True, slots=True)
class PasskeyKey:
    """The public key of a passkey, valid once made. Raises `ValueError`."""

    algorithm: int  # ES256 or ED25519
    public_key: bytes  # 65: 0x04, x and y of a point of P-256; or the 32 of Ed25519
    credential_id: bytes  # by which a browser finds the private key
    rp_id: str  # the domain that it is bound to

    def __post_init__(self) -> None:
        _loaded(self.algorithm, self.public_key)
        if not 1 <= len(self.credential_id) <= CREDENTIAL_LIMIT:
            raise ValueError(f"its credential id must have 1 to {CREDENTIAL_LIMIT} bytes")
        if not is_domain(self.rp_id):
            raise ValueError("its rpId must be a domain in small letters")

    @property
    def id(self) -> str:
        """The key's name, as of an Ed25519 key: sha256 of the public key's bytes, hexadecimal."""
        return sha256(self.public_key).hexdigest()

    def text(self) -> str:
        """As a list of editors holds it: passkey:es256:PUBLIC:CREDENTIAL:RPID, both hexadecimal."""
        parts = (ALGORITHMS[self.algorithm], self.public_key.hex(), self.credential_id.hex(), self.rp_id)
        return ":".join(("passkey", *parts))


@dataclass(frozen=True, slots=True)
class Assertion:
    """What an authenticator and a browser signed, in the bytes that they gave."""

    authenticator_data: bytes
    client_data_json: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class PasskeyAt:
    """A passkey that counts at one web origin."""

    key: PasskeyKey
    web_origin: str

    def verify(self, assertion: Assertion, challenge: bytes) -> None:
        """As `verify_assertion`."""
        verify_assertion(self.key, challenge, assertion, self.web_origin)


def is_passkey(text: str) -> bool:
    """Whether the text of a public key is a passkey's; `parse_key` says whether a valid one."""
    return text.startswith("passkey:")


@lru_cache(maxsize=1024)
def parse_key(text: str) -> PasskeyKey:
    """The key in its text form, of which there is one. Raises `ValueError`."""
    found = _TEXT.fullmatch(text)
    if found is None:
        raise ValueError("a passkey must be passkey:es256 or :ed25519, then :PUBLIC:CREDENTIAL:RPID")
    algorithm = next(number for number, name in ALGORITHMS.items() if name == found[1])
    return PasskeyKey(algorithm, bytes.fromhex(found[2]), bytes.fromhex(found[3]), found[4])


def verify_assertion(key: PasskeyKey, challenge: bytes, assertion: Assertion, origin: str) -> None:
    """Raises `ValueError`, saying why, unless the passkey's owner signed this challenge, verified, at this web origin."""
    _check_client_data(assertion.client_data_json, "webauthn.get", challenge, origin)
    check_authenticator_data(assertion.authenticator_data, key.rp_id)
    if len(assertion.authenticator_data) != DATA_LENGTH or assertion.authenticator_data[32] & (ATTESTED | EXTENDED):
        raise ValueError("its authenticator's data must hold no key and no extension")
    signed = assertion.authenticator_data + sha256(assertion.client_data_json).digest()
    try:
        _verify(key, assertion.signature, signed)
    except InvalidSignature:
        raise ValueError("the passkey did not sign it") from None


def check_authenticator_data(data: bytes, rp_id: str) -> None:
    """Raises `ValueError` unless it is for this rpId, of a person who was present and verified."""
    if len(data) < DATA_LENGTH:
        raise ValueError("its authenticator's data is cut off")
    if data[:32] != sha256(rp_id.encode()).digest():
        raise ValueError(f"its rpId must be {rp_id}")
    flags = data[32]
    if not flags & PRESENT or not flags & VERIFIED:
        raise ValueError("its person must be present and verified (UP and UV)")
    if flags & _RESERVED or (flags & BACKED_UP and not flags & ELIGIBLE):
        raise ValueError("its authenticator's data has flags that mean nothing")


def check_registration_data(data: bytes, challenge: bytes, origin: str) -> None:
    """Raises `ValueError` unless the browser's data is of a registration over this challenge at this web origin."""
    _check_client_data(data, "webauthn.create", challenge, origin)


def _check_client_data(data: bytes, kind: str, challenge: bytes, origin: str) -> None:
    if len(data) > CLIENT_DATA_LIMIT:
        raise ValueError(f"its browser's data must have at most {CLIENT_DATA_LIMIT} bytes")
    try:
        found = json.loads(data.decode("utf-8"), object_pairs_hook=_once, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise ValueError("its browser's data must be JSON in which no name stands twice") from None
    if not isinstance(found, dict):
        raise ValueError("its browser's data must be an object")
    if found.get("type") != kind:
        raise ValueError(f"its type must be {kind}")
    if found.get("challenge") != base64.urlsafe_b64encode(challenge).rstrip(b"=").decode():
        raise ValueError("it signs another challenge")
    if found.get("origin") != origin:
        raise ValueError(f"its web origin must be {origin}")
    # A page inside another's frame: who is asked there may not see what is signed.
    if found.get("crossOrigin", False) is not False or "topOrigin" in found:
        raise ValueError("it must not come from another origin's frame")


def _verify(key: PasskeyKey, signature: bytes, signed: bytes) -> None:
    public = _loaded(key.algorithm, key.public_key)
    if isinstance(public, Ed25519PublicKey):
        public.verify(signature, signed)
        return
    # One spelling of (r, s), whatever a library's decoder forgives.
    try:
        once = encode_dss_signature(*decode_dss_signature(signature)) == signature
    except ValueError:  # in a library's words
        once = False
    if not once:
        raise InvalidSignature
    public.verify(signature, signed, ECDSA(SHA256()))


@lru_cache(maxsize=1024)
def _loaded(algorithm: int, raw: bytes) -> Ed25519PublicKey | EllipticCurvePublicKey:
    if algorithm == ED25519:
        return ed25519.public_key(raw)
    if algorithm != ES256:
        raise ValueError("its algorithm must be ES256 (-7) or Ed25519 (-8)")
    if len(raw) != 65 or raw[0] != 4:
        raise ValueError("a key of ES256 must be 65 bytes, the first 4")
    return EllipticCurvePublicKey.from_encoded_point(SECP256R1(), raw)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is not JSON")
