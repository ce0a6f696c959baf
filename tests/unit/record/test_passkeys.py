"""A passkey's assertion: what counts, and every way in which one does not."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.record import passkey, web_origin
from harness.record.passkey import ED25519, ES256, Assertion, PasskeyKey, parse_key, verify_assertion
from tests.support.authenticator import Authenticator, client_data, other_s

ORIGIN, RP = "https://bench.example.org", "example.org"
CHALLENGE = sha256(b"an event").digest()
ALGORITHMS = pytest.mark.parametrize("algorithm", [ES256, ED25519])


def one(algorithm: int = ES256, name: str = "alice") -> Authenticator:
    return Authenticator(algorithm, RP, name)


def refused(found: Assertion, match: str, owner: Authenticator | None = None) -> None:
    with pytest.raises(ValueError, match=match):
        verify_assertion((owner or one()).key, CHALLENGE, found, ORIGIN)


@ALGORITHMS
def test_a_true_assertion_counts(algorithm):
    owner = one(algorithm)
    verify_assertion(owner.key, CHALLENGE, owner.assertion(CHALLENGE, ORIGIN), ORIGIN)
    # What browsers add to keep readers from comparing with a template, and a synced passkey's flags.
    added = owner.assertion(
        CHALLENGE, ORIGIN, crossOrigin=None, other_keys_can_be_added_here="do not compare", flags=0x1D
    )
    verify_assertion(owner.key, CHALLENGE, added, ORIGIN)


@ALGORITHMS
def test_any_changed_byte_refuses(algorithm):
    owner = one(algorithm)
    true = owner.assertion(CHALLENGE, ORIGIN)
    for name in ("authenticator_data", "client_data_json", "signature"):
        data = getattr(true, name)
        for at in range(len(data)):
            changed = data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            refused(replace(true, **{name: changed}), r".", owner)
        for changed in (b"", data[:-1], data + b"\0"):
            refused(replace(true, **{name: changed}), r".", owner)
    for signature in (b"", bytes(3), b"\x30\x03\x02\x01"):
        refused(replace(true, signature=signature), "did not sign", owner)


@ALGORITHMS
def test_another_owner_or_challenge_is_refused(algorithm):
    owner = one(algorithm)
    refused(owner.assertion(sha256(b"another").digest(), ORIGIN), "another challenge", owner)
    refused(one(algorithm, "mallory").assertion(CHALLENGE, ORIGIN), "did not sign", owner)
    refused(one(ES256 if algorithm == ED25519 else ED25519).assertion(CHALLENGE, ORIGIN), r".", owner)


@pytest.mark.parametrize(
    ("members", "match"),
    [
        ({"origin": "https://evil.example.org"}, "web origin"),
        ({"origin": "http://bench.example.org"}, "web origin"),
        ({"origin": "https://bench.example.org:444"}, "web origin"),
        ({"origin": "https://BENCH.example.org"}, "web origin"),
        ({"origin": "https://bench.example.org/"}, "web origin"),
        ({"origin": "android:apk-key-hash:abc"}, "web origin"),
        ({"origin": [ORIGIN]}, "web origin"),
        ({"origin": None}, "web origin"),
        ({"type": "webauthn.create"}, "type"),
        ({"type": "payment.get"}, "type"),
        ({"type": None}, "type"),
        ({"challenge": None}, "challenge"),
        ({"challenge": base64.urlsafe_b64encode(CHALLENGE).decode()}, "challenge"),
        ({"challenge": CHALLENGE.hex()}, "challenge"),
        ({"crossOrigin": True}, "frame"),
        ({"crossOrigin": 0}, "frame"),
        ({"crossOrigin": "false"}, "frame"),
        ({"topOrigin": ORIGIN}, "frame"),
        ({"padding": "x" * 2048}, "at most"),
    ],
)
def test_what_the_browser_says_must_fit(members, match):
    refused(one().assertion(CHALLENGE, ORIGIN, **members), match)


@pytest.mark.parametrize(
    "client",
    [
        b"",
        b"null",
        b"[]",
        b'"x"',
        b"[" * 2000,
        b"\xef\xbb\xbf" + client_data("webauthn.get", CHALLENGE, ORIGIN),
        client_data("webauthn.get", CHALLENGE, ORIGIN) + b"{}",
        client_data("webauthn.get", CHALLENGE, ORIGIN)[:-1],
        client_data("webauthn.get", CHALLENGE, ORIGIN)[:-1] + b',"origin":"' + ORIGIN.encode() + b'"}',
        client_data("webauthn.get", CHALLENGE, ORIGIN)[:-1] + b',"x":{"a":1,"a":2}}',
        client_data("webauthn.get", CHALLENGE, ORIGIN)[:-1] + b',"x":NaN}',
        client_data("webauthn.get", CHALLENGE, ORIGIN)[:-1] + b',"x":"\xff"}',
        client_data("webauthn.get", CHALLENGE, ORIGIN).decode().encode("utf-16"),
    ],
)
def test_the_browsers_data_is_read_strictly(client):
    refused(one().assertion(CHALLENGE, ORIGIN, client=client), "its browser's data")


@pytest.mark.parametrize("flags", [0x00, 0x01, 0x04, 0x18, 0x41, 0x07, 0x25, 0x15])
def test_present_verified_and_known_flags(flags):
    refused(one().assertion(CHALLENGE, ORIGIN, flags=flags), "present and verified|flags")


@pytest.mark.parametrize(
    ("flags", "more"),
    [(0x05, b"\0"), (0x85, b"\xa0"), (0x85, b"\xa1\x61a\x01"), (0x85, b""), (0x45, b""), (0x45, bytes(60))],
)
def test_no_key_and_no_extension_in_an_assertion(flags, more):
    owner = one()
    refused(owner.assertion(CHALLENGE, ORIGIN, data=owner.data(flags) + more), "no extension")


def test_another_rp_id_is_refused():
    for other in ("bench.example.org", "org", "evil.example", "EXAMPLE.org"):
        refused(one().assertion(CHALLENGE, ORIGIN, rp_id=other), "rpId")
    refused(one().assertion(CHALLENGE, ORIGIN, data=b""), "cut off")


def test_both_forms_of_s_count_and_one_encoding():
    owner = one()
    true = owner.assertion(CHALLENGE, ORIGIN)
    verify_assertion(owner.key, CHALLENGE, replace(true, signature=other_s(true.signature)), ORIGIN)
    raw = true.signature
    padded = raw[:1] + bytes([raw[1] + 1]) + raw[2:3] + bytes([raw[3] + 1]) + b"\0" + raw[4:]  # r with a zero too many
    long_form = raw[:1] + b"\x81" + raw[1:]
    for changed in (padded, long_form, raw + b"\0", raw[:-1], bytes(64), b"\x30\x06\x02\x01\x00\x02\x01\x00"):
        refused(replace(true, signature=changed), r".")


@ALGORITHMS
def test_a_key_has_one_text(algorithm):
    key = one(algorithm).key
    assert parse_key(key.text()) == key
    assert key.id == sha256(key.public_key).hexdigest()
    text = key.text()
    for other in (
        text.upper(),
        text + " ",
        " " + text,
        text.replace("passkey:", "passkey:rs"),
        text.replace("example", "Example"),
        text.replace(":example.org", ":127.0.0.1"),
        text.replace(":example.org", ":"),
        text.replace(":example.org", ":example.org."),
        text.replace(key.credential_id.hex(), ""),
        text.replace(key.credential_id.hex(), "00" * 1024),
        text.replace("es256", "ed25519") if algorithm == ES256 else text.replace("ed25519", "es256"),
        text + "\n",
    ):
        with pytest.raises(ValueError, match=r"."):
            parse_key(other)


@pytest.mark.parametrize(
    ("algorithm", "raw"),
    [
        (ES256, b"\x04" + b"\x01" * 64),  # on no curve
        (ES256, b"\x04" + bytes(64)),
        (ES256, b"\x00"),  # the point at infinity
        (ES256, b"\x02" + one().raw[1:33]),  # compressed
        (ES256, one().raw[1:]),
        (ED25519, bytes(32)),  # of small order
        (ED25519, b"\x01" + bytes(31)),
        (ED25519, b"\x01" * 31),
        (-257, one().raw),
        (-35, one().raw),
    ],
)
def test_a_key_that_holds_nobody_is_refused(algorithm, raw):
    with pytest.raises(ValueError, match=r"."):
        PasskeyKey(algorithm, raw, b"id", RP)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=200), st.binary(max_size=300), st.binary(max_size=100))
def test_garbage_is_refused_in_one_way(data, client, signature):
    refused(Assertion(data, client, signature), r".")


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["type", "challenge", "origin", "crossOrigin", "topOrigin", "x"]),
        st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.text()),
    )
)
def test_no_object_but_the_true_one_counts(members):
    owner = one()
    client = json.dumps(members).encode()
    refused(owner.assertion(CHALLENGE, ORIGIN, client=client), r".")


@pytest.mark.parametrize(
    ("origin", "rp_id"),
    [
        (ORIGIN, "example.org"),
        (ORIGIN, "bench.example.org"),
        ("https://localhost", "localhost"),
        ("http://localhost:8000", "localhost"),
        ("https://bench.example.org:8443", "bench.example.org"),
        ("https://xn--bcher-kva.example", "xn--bcher-kva.example"),
    ],
)
def test_web_origins_that_may_be(origin, rp_id):
    web_origin.check(origin, rp_id)


@pytest.mark.parametrize(
    ("origin", "rp_id"),
    [
        ("http://bench.example.org", "bench.example.org"),
        ("https://bench.example.org/", "bench.example.org"),
        ("https://bench.example.org:443", "bench.example.org"),
        ("https://bench.example.org:0", "bench.example.org"),
        ("https://bench.example.org:99999", "bench.example.org"),
        ("https://Bench.example.org", "bench.example.org"),
        ("https://user@bench.example.org", "bench.example.org"),
        ("https://127.0.0.1", "127.0.0.1"),
        ("https://[::1]", "::1"),
        ("https://bench.example.org", "org"),
        ("https://bench.example.org", "other.example"),
        ("https://bench.example.org", "nch.example.org"),
        ("https://bench.example.org", ".example.org"),
        ("https://bench.example.org.", "example.org."),
        ("http://localhost.example.org", "localhost.example.org"),
        ("https://a..b", "a..b"),
        ("https://" + "a" * 64 + ".org", "a" * 64 + ".org"),
        ("https://bench.example.org\n", "bench.example.org"),
        ("", ""),
        ("null", "null"),
    ],
)
def test_web_origins_that_may_not(origin, rp_id):
    with pytest.raises(ValueError, match="must"):
        web_origin.check(origin, rp_id)


def test_the_limits_are_those_of_the_format():
    assert (passkey.CLIENT_DATA_LIMIT, passkey.CREDENTIAL_LIMIT, passkey.DATA_LENGTH) == (2048, 1023, 37)
