"""A new passkey: its public key, from what the browser gives when it is made. Pure.

Attestation proves the authenticator's maker, for which nothing here asks: its statement is not looked at.
"""

from __future__ import annotations

from typing import Any

from harness.record import cbor
from harness.record.passkey import (
    ATTESTED,
    CREDENTIAL_LIMIT,
    DATA_LENGTH,
    ED25519,
    ES256,
    EXTENDED,
    PasskeyKey,
    check_authenticator_data,
    check_registration_data,
)

OBJECT_LIMIT = 16 << 10  # bytes of an attestation object
_AAGUID = 16  # bytes: the authenticator's model
_KTY, _ALG, _CRV, _X, _Y = 1, 3, -1, -2, -3  # labels of a COSE key (RFC 9052, 9053)
_EC2, _OKP, _P256, _CURVE_ED25519 = 2, 1, 1, 6


def registered(
    client_data_json: bytes, attestation_object: bytes, challenge: bytes, origin: str, rp_id: str
) -> PasskeyKey:
    """The key that a person, present and verified, made over this challenge at this web origin. Raises `ValueError`."""
    check_registration_data(client_data_json, challenge, origin)
    if len(attestation_object) > OBJECT_LIMIT:
        raise ValueError(f"its attestation object must have at most {OBJECT_LIMIT} bytes")
    found = cbor.whole(attestation_object)
    data = found.get("authData") if isinstance(found, dict) else None
    if not isinstance(data, bytes) or set(found) != {"fmt", "attStmt", "authData"}:
        raise ValueError("its attestation object must hold fmt, attStmt and authData")
    check_authenticator_data(data, rp_id)
    return _attested(data, rp_id)


def _attested(data: bytes, rp_id: str) -> PasskeyKey:
    if not data[32] & ATTESTED:
        raise ValueError("its authenticator's data must hold a key")
    at = DATA_LENGTH + _AAGUID
    length = int.from_bytes(data[at : at + 2], "big")
    at += 2
    if not 1 <= length <= CREDENTIAL_LIMIT or at + length > len(data):
        raise ValueError("its credential id is cut off, empty or too long")
    credential = data[at : at + length]
    cose, at = cbor.item(data, at + length)
    if data[32] & EXTENDED:  # a security key tells so how it protects the credential
        extensions, at = cbor.item(data, at)
        if not isinstance(extensions, dict):
            raise ValueError("its extensions must be a map")
    if at != len(data):
        raise ValueError("its authenticator's data goes on after its end")
    algorithm, public = _public(cose)
    return PasskeyKey(algorithm, public, credential, rp_id)


def _public(cose: Any) -> tuple[int, bytes]:
    """Algorithm and raw public key of a COSE key."""
    if not isinstance(cose, dict):
        raise ValueError("its key must be a COSE key")
    x, y = cose.get(_X), cose.get(_Y)
    kind = (cose.get(_KTY), cose.get(_ALG), cose.get(_CRV))
    if kind == (_EC2, ES256, _P256) and set(cose) == {_KTY, _ALG, _CRV, _X, _Y}:
        if isinstance(x, bytes) and isinstance(y, bytes) and len(x) == len(y) == 32:
            return ES256, b"\x04" + x + y
    elif kind == (_OKP, ED25519, _CURVE_ED25519) and set(cose) == {_KTY, _ALG, _CRV, _X} and isinstance(x, bytes):
        return ED25519, x
    raise ValueError("its key must be of ES256 on P-256, or of Ed25519")
