"""py_webauthn, another implementation, takes the assertions and registrations that the harness takes, and reads the same keys."""

from __future__ import annotations

import base64
from hashlib import sha256

import pytest
import webauthn
from webauthn.helpers.exceptions import InvalidAuthenticationResponse, InvalidRegistrationResponse

from harness.record.passkey import ED25519, ES256, verify_assertion
from harness.record.passkey_registration import registered
from tests.support.authenticator import Authenticator

ORIGIN, RP = "https://bench.example.org", "example.org"
CHALLENGE = sha256(b"an event").digest()
ALGORITHMS = pytest.mark.parametrize("algorithm", [ES256, ED25519])


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def credential(owner: Authenticator, **response: bytes) -> dict[str, object]:
    identity = b64(owner.credential_id)
    told = {name: b64(data) for name, data in response.items()}
    return {"id": identity, "rawId": identity, "type": "public-key", "response": told}


@ALGORITHMS
@pytest.mark.parametrize("origin", [ORIGIN, "https://evil.example.org"])
@pytest.mark.parametrize("flags", [0x05, 0x1D, 0x01])
def test_they_take_the_same_assertions(algorithm, origin, flags):
    owner = Authenticator(algorithm, RP, "alice")
    told = owner.assertion(CHALLENGE, origin, flags=flags)
    theirs = lambda: webauthn.verify_authentication_response(  # noqa: E731
        credential=credential(
            owner,
            authenticatorData=told.authenticator_data,
            clientDataJSON=told.client_data_json,
            signature=told.signature,
        ),
        expected_challenge=CHALLENGE,
        expected_rp_id=RP,
        expected_origin=ORIGIN,
        credential_public_key=owner.cose(),
        credential_current_sign_count=0,
        require_user_verification=True,
    )
    if origin == ORIGIN and flags & 0x04:
        verify_assertion(owner.key, CHALLENGE, told, ORIGIN)
        assert theirs().user_verified
    else:
        with pytest.raises(ValueError, match="must be"):
            verify_assertion(owner.key, CHALLENGE, told, ORIGIN)
        with pytest.raises(InvalidAuthenticationResponse):
            theirs()


@ALGORITHMS
@pytest.mark.parametrize("rp_id", [RP, "evil.example"])
def test_they_take_the_same_registrations(algorithm, rp_id):
    owner = Authenticator(algorithm, RP, "alice")
    client, made = owner.registration(CHALLENGE, ORIGIN, rp_id=rp_id)
    theirs = lambda: webauthn.verify_registration_response(  # noqa: E731
        credential=credential(owner, clientDataJSON=client, attestationObject=made),
        expected_challenge=CHALLENGE,
        expected_rp_id=RP,
        expected_origin=ORIGIN,
        require_user_verification=True,
    )
    if rp_id == RP:
        found = registered(client, made, CHALLENGE, ORIGIN, RP)
        assert (found.credential_id, owner.cose()) == (theirs().credential_id, theirs().credential_public_key)
        assert found == owner.key
    else:
        with pytest.raises(ValueError, match="rpId"):
            registered(client, made, CHALLENGE, ORIGIN, RP)
        with pytest.raises(InvalidRegistrationResponse):
            theirs()
