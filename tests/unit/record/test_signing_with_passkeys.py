"""Envelopes that passkeys signed, beside Ed25519 keys or alone: the assertion is the signature."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.errors import RecordInvalid
from harness.record import envelope
from harness.record.passkey import ED25519, ES256, PasskeyAt
from tests.support.authenticator import Authenticator

ORIGIN, TYPE, PAYLOAD = (
    "https://bench.example.org",
    "application/vnd.repro.event.v1+json",
    b'{"kind":"record-approved"}',
)
FILE_KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ALGORITHMS = pytest.mark.parametrize("algorithm", [ES256, ED25519])


def one(algorithm: int = ES256) -> Authenticator:
    return Authenticator(algorithm, "example.org", "alice")


def sealed(owner: Authenticator, payload: bytes = PAYLOAD, kind: str = TYPE) -> envelope.Envelope:
    told = owner.assertion(envelope.challenge(kind, payload), ORIGIN)
    return envelope.Envelope(kind, payload, (envelope.asserted(owner.key, told),))


def known(*owners: Authenticator, origin: str = ORIGIN) -> dict[str, envelope.PublicKey]:
    found: dict[str, envelope.PublicKey] = {owner.key.id: PasskeyAt(owner.key, origin) for owner in owners}
    return {**found, envelope.key_id(FILE_KEY.public_key()): FILE_KEY.public_key()}


@ALGORITHMS
def test_the_assertion_is_the_signature(algorithm):
    owner = one(algorithm)
    made = envelope.read(sealed(owner).to_bytes(), "x")
    assert made == sealed(owner)
    assert envelope.verify(made, known(owner), "x", TYPE) == (owner.key.id,)


@ALGORITHMS
def test_beside_a_key_file(algorithm):
    owner = one(algorithm)
    both = replace(
        sealed(owner), signatures=(*sealed(owner).signatures, *envelope.sign(PAYLOAD, [FILE_KEY], TYPE).signatures)
    )
    found = envelope.read(both.to_bytes(), "x")
    assert set(envelope.verify(found, known(owner), "x", TYPE)) == set(known(owner))


@pytest.mark.parametrize(
    "change",
    [
        lambda made: replace(made, payload=PAYLOAD + b" "),
        lambda made: replace(made, payload_type="application/vnd.repro.other.v1+json"),
        lambda made: replace(made, signatures=(replace(made.signatures[0], webauthn=None),)),
        lambda made: replace(made, signatures=(replace(made.signatures[0], sig=b""),)),
    ],
)
def test_another_payload_type_or_part_is_refused(change):
    made = change(sealed(one()))
    with pytest.raises(RecordInvalid, match="is false"):
        envelope.verify(made, known(one()), "x", made.payload_type)


def test_at_another_registrys_origin_it_is_false():
    with pytest.raises(RecordInvalid, match=r"is false: its web origin must be https://other\.example"):
        envelope.verify(sealed(one()), known(one(), origin="https://other.example"), "x", TYPE)


def test_a_key_files_signature_says_nothing_of_a_browser():
    told = sealed(one()).signatures[0].webauthn
    made = envelope.sign(PAYLOAD, [FILE_KEY], TYPE)
    dressed = replace(made, signatures=(replace(made.signatures[0], webauthn=told),))
    with pytest.raises(RecordInvalid, match="must not be a passkey's assertion"):
        envelope.verify(dressed, known(), "x", TYPE)


@pytest.mark.parametrize(
    "told", [None, {}, [], "x", {"authenticator_data": "AA=="}, {"authenticator_data": "AA==", "client_data_json": 7}]
)
def test_a_malformed_part_is_no_envelope(told):
    value = json.loads(sealed(one()).to_bytes())
    value["signatures"][0]["webauthn"] = told
    with pytest.raises(RecordInvalid, match="is not a DSSE envelope"):
        envelope.read(json.dumps(value).encode(), "x")
    # In a record's envelope other members say nothing, as ever.
    value["payloadType"] = envelope.PAYLOAD_TYPE
    assert envelope.read(json.dumps(value).encode(), "x").signatures[0].webauthn is None
