"""What vectors of events are built of: keys of both kinds, assertions, envelopes. Nothing of the harness; fixed keys."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.conformance import building
from tests.conformance.building import Json

TYPE = "application/vnd.repro.event.v1+json"
WEB_ORIGIN, RP_ID = "https://bench.example.org", "example.org"
PAYLOAD = b'{"_type":"urn:repro-harness:event:v1","kind":"record-approved"}'
SIGNED = building.pae(PAYLOAD, TYPE)
CHALLENGE = sha256(SIGNED).digest()
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256
FILE_KEY, STRANGER = building.key("editor"), building.key("stranger")


@dataclass(frozen=True)
class Passkey:
    """One in software; `kind` is es256 or ed25519."""

    kind: str
    name: str = "editor"
    rp_id: str = RP_ID

    @property
    def private(self) -> Any:
        seed = sha256(f"conformance passkey: {self.kind} {self.name}".encode()).digest()
        if self.kind == "ed25519":
            return Ed25519PrivateKey.from_private_bytes(seed)
        return ec.derive_private_key(int.from_bytes(seed, "big") % (ORDER - 1) + 1, ec.SECP256R1())

    @property
    def public(self) -> bytes:
        if self.kind == "ed25519":
            return self.private.public_key().public_bytes_raw()
        return self.private.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)

    @property
    def text(self) -> str:
        return f"passkey:{self.kind}:{self.public.hex()}:{sha256(self.public).hexdigest()[:32]}:{self.rp_id}"

    @property
    def id(self) -> str:
        return sha256(self.public).hexdigest()

    def sign(self, data: bytes) -> bytes:
        """As ES256 with the smaller S, or Ed25519; the same bytes every time."""
        if self.kind == "ed25519":
            return self.private.sign(data)
        r, s = decode_dss_signature(self.private.sign(data, ec.ECDSA(SHA256(), deterministic_signing=True)))
        return encode_dss_signature(r, min(s, ORDER - s))

    def signature(self, client: bytes | None = None, data: bytes | None = None) -> Json:
        """Truly signed, whatever it says, as a value to change."""
        client = client_data() if client is None else client
        data = authenticator_data() if data is None else data
        found = building.signature(self.id, self.sign(data + sha256(client).digest()))
        return {**found, "webauthn": {"authenticator_data": b64(data), "client_data_json": b64(client)}}


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def client_data(**members: Any) -> bytes:
    """As a browser writes it; `members` in the stead of its own, "-" to leave one out."""
    text = base64.urlsafe_b64encode(CHALLENGE).rstrip(b"=").decode()
    value = {"type": "webauthn.get", "challenge": text, "origin": WEB_ORIGIN, "crossOrigin": False, **members}
    return json.dumps({name: one for name, one in value.items() if one != "-"}, separators=(",", ":")).encode()


def authenticator_data(flags: int = 0x05, rp_id: str = RP_ID, counter: int = 0) -> bytes:
    return sha256(rp_id.encode()).digest() + bytes([flags]) + counter.to_bytes(4, "big")


def sealed(*signatures: Json, kind: str = TYPE) -> Json:
    """An envelope, as a value to change."""
    return {"payloadType": kind, "payload": b64(PAYLOAD), "signatures": list(signatures)}


def by_file(private: Ed25519PrivateKey = FILE_KEY) -> Json:
    """A key file's signature."""
    return building.signature(building.keyid(private), private.sign(SIGNED))


@dataclass(frozen=True)
class EventCase:
    """One vector; `rule` is what it breaks, "" for a valid one."""

    rule: str
    slug: str
    why: str
    envelope: bytes
    keys: Sequence[str]
    signed_by: Sequence[str] = ()

    @property
    def name(self) -> str:
        """Also that of its file."""
        return f"{self.rule or 'valid'}-{self.slug}"

    def to_bytes(self) -> bytes:
        """The file."""
        fields = {
            "name": self.name,
            "expected": "invalid" if self.rule else "valid",
            "rule": self.rule,
            "why": self.why,
            "keys": list(self.keys),
            "web_origin": WEB_ORIGIN,
            "signed_by": list(self.signed_by),
            "envelope": b64(self.envelope),
        }
        return (json.dumps(fields, indent=1, ensure_ascii=False) + "\n").encode()


def changed(owner: Passkey, change: Callable[[Json], object]) -> bytes:
    """A passkey's envelope, changed after it was signed."""
    value = sealed(owner.signature())
    change(value)
    return building.written(value)
