"""A passkey in software: an authenticator and a browser, for ES256 and Ed25519. Nothing of the harness but the key's type.

What a test says in `client` or `data` stands in the place of what an honest browser or authenticator would write.
"""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness.record.passkey import ED25519, ES256, Assertion, PasskeyKey

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40
_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256


@dataclass
class Authenticator:
    """One passkey; the same `name` makes the same key."""

    algorithm: int = ES256
    rp_id: str = "localhost"
    name: str = "passkey"
    counter: int = 0
    private: Any = field(init=False)

    def __post_init__(self) -> None:
        seed = sha256(f"passkey of a test: {self.algorithm} {self.name}".encode()).digest()
        if self.algorithm == ED25519:
            self.private = Ed25519PrivateKey.from_private_bytes(seed)
        else:
            self.private = ec.derive_private_key(int.from_bytes(seed, "big") % (_ORDER - 1) + 1, ec.SECP256R1())

    @property
    def raw(self) -> bytes:
        """The public key's bytes."""
        public = self.private.public_key()
        if self.algorithm == ED25519:
            return public.public_bytes_raw()
        return public.public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def credential_id(self) -> bytes:
        return sha256(self.raw).digest()[:16]

    @property
    def key(self) -> PasskeyKey:
        return PasskeyKey(self.algorithm, self.raw, self.credential_id, self.rp_id)

    def sign(self, signed: bytes) -> bytes:
        """Over any bytes, as ES256 (DER) or Ed25519."""
        if self.algorithm == ED25519:
            return self.private.sign(signed)
        return self.private.sign(signed, ec.ECDSA(SHA256(), deterministic_signing=True))

    def assertion(
        self,
        challenge: bytes,
        origin: str,
        /,
        *,
        client: bytes | None = None,
        data: bytes | None = None,
        flags: int = PRESENT | VERIFIED,
        rp_id: str | None = None,
        **members: Any,
    ) -> Assertion:
        """Truly signed, whatever it says."""
        if client is None:
            client = client_data("webauthn.get", challenge, origin, **members)
        if data is None:
            data = self.data(flags, rp_id)
        return Assertion(data, client, self.sign(data + sha256(client).digest()))

    def data(self, flags: int = PRESENT | VERIFIED, rp_id: str | None = None) -> bytes:
        """The authenticator's data without a key."""
        return sha256((rp_id or self.rp_id).encode()).digest() + bytes([flags]) + self.counter.to_bytes(4, "big")

    def registration(
        self,
        challenge: bytes,
        origin: str,
        /,
        *,
        cose: bytes | None = None,
        flags: int = PRESENT | VERIFIED | ATTESTED,
        rp_id: str | None = None,
        more: bytes = b"",
        **members: Any,
    ) -> tuple[bytes, bytes]:
        """The browser's data, and the attestation object without an attestation."""
        key = self.cose() if cose is None else cose
        identity = len(self.credential_id).to_bytes(2, "big") + self.credential_id
        data = self.data(flags, rp_id) + bytes(16) + identity + key + more
        made = cbor({"fmt": "none", "attStmt": {}, "authData": data})
        return client_data("webauthn.create", challenge, origin, **members), made

    def cose(self) -> bytes:
        """The public key as a COSE key."""
        if self.algorithm == ED25519:
            return cbor({1: 1, 3: ED25519, -1: 6, -2: self.raw})
        return cbor({1: 2, 3: ES256, -1: 1, -2: self.raw[1:33], -3: self.raw[33:]})


def client_data(kind: str, challenge: bytes, origin: str, /, **members: Any) -> bytes:
    """As a browser writes it; `members` in the stead of its own, None to leave one out."""
    text = base64.urlsafe_b64encode(challenge).rstrip(b"=").decode()
    value = {"type": kind, "challenge": text, "origin": origin, "crossOrigin": False, **members}
    return json.dumps({name: one for name, one in value.items() if one is not None}, separators=(",", ":")).encode()


def other_s(signature: bytes) -> bytes:
    """The second signature that holds wherever an ECDSA signature does: (r, n - s)."""
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

    r, s = decode_dss_signature(signature)
    return encode_dss_signature(r, _ORDER - s)


def cbor(value: Any) -> bytes:
    """CBOR of integers, bytes, texts, maps and lists."""
    if isinstance(value, int):
        return _head(0, value) if value >= 0 else _head(1, -1 - value)
    if isinstance(value, bytes):
        return _head(2, len(value)) + value
    if isinstance(value, str):
        return _head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return _head(4, len(value)) + b"".join(map(cbor, value))
    return _head(5, len(value)) + b"".join(cbor(name) + cbor(one) for name, one in value.items())


def _head(kind: int, number: int) -> bytes:
    if number < 24:
        return bytes([kind << 5 | number])
    size = next(size for size in (1, 2, 4, 8) if number < 1 << (8 * size))
    return bytes([kind << 5 | {1: 24, 2: 25, 4: 26, 8: 27}[size]]) + number.to_bytes(size, "big")
