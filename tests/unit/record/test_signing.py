"""Envelopes and keys: what was signed is what is read, every change is found, nobody else can read a private key."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import BadInput, RecordInvalid
from harness.record import envelope, keys

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
KNOWN = {envelope.key_id(key.public_key()): key.public_key() for key in (KEY, OTHER)}


def test_the_encoding_is_that_of_the_protocol():
    # The example of the DSSE protocol, v1.0.2.
    assert envelope.pae("http://example.com/HelloWorld", b"hello world") == (
        b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_another_implementation_reads_and_verifies_ours():
    from securesystemslib.dsse import Envelope
    from securesystemslib.signer import SSlibKey

    made = envelope.sign(b'{"a":1}', [KEY])
    theirs = Envelope.from_dict(json.loads(made.to_bytes()))
    public = KEY.public_key().public_bytes_raw().hex()
    key = SSlibKey(envelope.key_id(KEY.public_key()), "ed25519", "ed25519", {"public": public})
    assert list(theirs.verify([key], 1)) == [key.keyid]
    assert theirs.payload == b'{"a":1}'


@given(st.binary(max_size=300), st.lists(st.sampled_from([KEY, OTHER]), min_size=1, max_size=2, unique=True))
def test_what_was_signed_is_what_is_read(payload, signers):
    made = envelope.read(envelope.sign(payload, signers).to_bytes(), "x")
    assert made.payload == payload
    assert set(envelope.verify(made, KNOWN, "x")) == {envelope.key_id(key.public_key()) for key in signers}


def test_every_changed_byte_is_found():
    data = envelope.sign(b'{"tokens":128,"rate":"77.1"}', [KEY]).to_bytes()
    known = {envelope.key_id(KEY.public_key()): KEY.public_key()}
    accepted = []
    for index in range(len(data)):
        for bit in (1, 32, 128):
            changed = bytearray(data)
            changed[index] ^= bit
            try:
                found = envelope.read(bytes(changed), "x")
                envelope.verify(found, known, "x")
            except RecordInvalid:
                continue
            accepted.append((index, bytes(changed[index : index + 1])))
            # White space between the parts may become other white space: what is signed is the same.
            assert found.payload == b'{"tokens":128,"rate":"77.1"}'
    assert all(byte in b" \n\t\r" for _, byte in accepted)


def test_a_signed_thing_of_another_kind_is_no_record():
    made = envelope.sign(b"{}", [KEY], "application/vnd.repro.decision.v1+json")
    with pytest.raises(RecordInvalid, match="not as a record"):
        envelope.verify(made, KNOWN, "x")
    forged = envelope.Envelope(envelope.PAYLOAD_TYPE, made.payload, made.signatures)
    with pytest.raises(RecordInvalid, match="is false"):
        envelope.verify(forged, KNOWN, "x")


def test_a_stranger_s_signature_does_not_count():
    made = envelope.sign(b"{}", [OTHER])
    with pytest.raises(RecordInvalid, match="no known key"):
        envelope.verify(made, {envelope.key_id(KEY.public_key()): KEY.public_key()}, "x")


@pytest.mark.parametrize(
    "text",
    [
        "", "[]", "nul", "{}", "[" * 5000, '{"payloadType":1,"payload":"","signatures":[]}',
        '{"payloadType":"t","payload":"e30=","signatures":[]}', '{"payloadType":"t","payload":"e30=","signatures":[1]}',
        '{"payloadType":"t","payload":"e3 0=","signatures":[{"keyid":"a","sig":""}]}',
        '{"payloadType":"t","payload":"e30=","payload":"e30=","signatures":[{"keyid":"a","sig":""}]}',
        '{"payloadType":"t","payload":"e30=","signatures":[{"keyid":"a","sig":"!"}]}',
        '{"payloadType":"t","payload":"e30=","extra":0,"signatures":[{"keyid":"a","sig":""}]}',
    ],
)  # fmt: skip
def test_what_is_no_envelope_is_refused(text):
    with pytest.raises(RecordInvalid, match="is not a DSSE envelope"):
        envelope.read(text.encode(), "x")


def test_url_safe_base64_is_read_as_the_protocol_asks():
    payload = bytes(range(240, 256)) * 3
    data = json.loads(envelope.sign(payload, [KEY]).to_bytes())
    data["payload"] = base64.urlsafe_b64encode(payload).decode()
    assert envelope.verify(envelope.read(json.dumps(data).encode(), "x"), KNOWN, "x")


@pytest.mark.parametrize("passphrase", [None, "correct horse"])
def test_keys_are_made_once_and_open_again(tmp_path, passphrase):
    place = tmp_path / "keys"
    made = keys.create(place, "lighthouse", passphrase)
    assert keys.public(place) == made
    assert keys.locked(place / keys.OPERATOR) is bool(passphrase)
    signers = keys.unlock(place, passphrase)
    assert signers.public == made
    signed = envelope.sign(b"{}", [signers.operator, signers.rig])
    assert set(envelope.verify(signed, made.keys(), "x")) == set(made.keys())
    for path in place.glob("*.pem"):
        assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(BadInput, match="there are keys already"):
        keys.create(place, "other", None)
    if passphrase:
        with pytest.raises(BadInput, match="check the passphrase"):
            keys.unlock(place, "wrong")


def test_the_next_key_is_promised_beforehand(tmp_path):
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    made = keys.create(tmp_path, "lighthouse", None)
    following = load_pem_private_key((tmp_path / keys.NEXT).read_bytes(), None)
    assert envelope.key_id(following.public_key()) == made.next_key_sha256


def test_a_key_that_others_can_read_is_refused(tmp_path):
    keys.create(tmp_path, "lighthouse", None)
    (tmp_path / keys.OPERATOR).chmod(0o644)
    with pytest.raises(BadInput, match="chmod 600"):
        keys.unlock(tmp_path, None)


@pytest.mark.parametrize("handle", ["", "A", "x", "Jane Doe", "../x", "a" * 33, "jané"])
def test_a_bad_handle_is_refused_before_anything_is_made(tmp_path, handle):
    with pytest.raises(BadInput, match="must be a handle"):
        keys.create(tmp_path / "keys", handle, None)
    assert not (tmp_path / "keys").exists()


def test_without_keys_there_is_nothing_to_sign_with(tmp_path):
    assert keys.unlock(tmp_path / "none", None) is None
    assert keys.public(tmp_path / "none") is None
