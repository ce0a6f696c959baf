"""A new passkey's public key, and hostile registrations: cut off, of another kind, over another challenge, huge."""

from __future__ import annotations

from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.record import cbor
from harness.record.passkey import ED25519, ES256, parse_key
from harness.record.passkey_registration import registered
from tests.support.authenticator import Authenticator, client_data
from tests.support.authenticator import cbor as written

ORIGIN, RP = "https://bench.example.org", "example.org"
CHALLENGE = sha256(b"a registration").digest()
CLIENT = client_data("webauthn.create", CHALLENGE, ORIGIN)
ALGORITHMS = pytest.mark.parametrize("algorithm", [ES256, ED25519])


def one(algorithm: int = ES256) -> Authenticator:
    return Authenticator(algorithm, RP, "alice")


def refused(client: bytes, made: bytes, match: str = ".") -> None:
    with pytest.raises(ValueError, match=match):
        registered(client, made, CHALLENGE, ORIGIN, RP)


@ALGORITHMS
def test_the_key_is_the_authenticators(algorithm):
    owner = one(algorithm)
    found = registered(*owner.registration(CHALLENGE, ORIGIN), CHALLENGE, ORIGIN, RP)
    assert found == owner.key == parse_key(found.text())
    # As a security key says that it protects the credential.
    more = owner.registration(CHALLENGE, ORIGIN, flags=0xC5, more=written({"credProtect": 2}))
    assert registered(*more, CHALLENGE, ORIGIN, RP) == owner.key


@ALGORITHMS
def test_cut_off_or_with_more_behind_it_is_refused(algorithm):
    client, made = one(algorithm).registration(CHALLENGE, ORIGIN)
    for end in range(len(made)):
        refused(client, made[:end])
    refused(client, made + b"\0", "after its end")
    refused(*one(algorithm).registration(CHALLENGE, ORIGIN, more=b"\0"), "after its end")


@pytest.mark.parametrize(
    ("members", "match"),
    [
        ({"type": "webauthn.get"}, "type"),
        ({"origin": "https://evil.example"}, "web origin"),
        ({"challenge": "AAAA"}, "challenge"),
        ({"crossOrigin": True}, "frame"),
        ({"rp_id": "evil.example"}, "rpId"),
        ({"flags": 0x45 & ~0x01}, "present and verified"),
        ({"flags": 0x45 & ~0x04}, "present and verified"),
        ({"flags": 0x05}, "must hold a key"),
        ({"flags": 0xC5}, "cut off"),
        ({"flags": 0xC5, "more": b"\x01"}, "must be a map"),
    ],
)
def test_what_it_says_must_fit(members, match):
    refused(*one().registration(CHALLENGE, ORIGIN, **members), match)


_X, _Y = one().raw[1:33], one().raw[33:]


@pytest.mark.parametrize(
    "cose",
    [
        {1: 3, 3: -257, -1: b"n" * 256, -2: b"\x01\x00\x01"},  # RSA
        {1: 2, 3: -35, -1: 2, -2: bytes(48), -3: bytes(48)},  # P-384
        {1: 2, 3: -7, -1: 1, -2: _X, -3: _X},  # on no curve
        {1: 2, 3: -7, -1: 2, -2: _X, -3: _Y},  # said to be on another
        {1: 2, 3: -7, -1: 1, -2: _X},
        {1: 2, 3: -7, -1: 1, -2: _X, -3: _Y, 4: 1},
        {1: 2, 3: -7, -1: 1, -2: _X[1:], -3: _Y},
        {1: 2, 3: -7, -1: 1, -2: _X + _Y, -3: b""},
        {1: 2, 3: -8, -1: 1, -2: _X, -3: _Y},
        {1: 1, 3: -8, -1: 6, -2: bytes(32)},  # of small order
        {1: 1, 3: -8, -1: 6, -2: bytes(31)},
        {1: 1, 3: -8, -1: 4, -2: one(ED25519).raw},  # X25519
        {1: 1, 3: -8, -1: 6, -2: one(ED25519).raw, -4: bytes(32)},
        {},
        [],
        7,
    ],
)
def test_other_keys_are_refused(cose):
    refused(*one().registration(CHALLENGE, ORIGIN, cose=written(cose)))


def test_huge_ones_end_at_once():
    refused(CLIENT, bytes(1 << 20), "at most")
    for head in (
        b"\xbb" + b"\xff" * 8,
        b"\x9b" + b"\xff" * 8,
        b"\x5b" + b"\xff" * 8,
        b"\x81" * 1000,
        b"\xa1\x61a" * 1000,
    ):
        refused(CLIENT, head)


@pytest.mark.parametrize(
    "data",
    [
        *(b"\x18\x01", b"\x19\x00\xff", b"\x1a\x00\x00\xff\xff", b"\x5f\x41a\xff", b"\x9f\xff", b"\xbf\xff"),
        *(b"\xf9\x00\x00", b"\xc0\x00", b"\xf7", b"\xff", b"\x1c", b"\xa2\x01\x01\x01\x02", b"\xa1\x40\x01"),
        *(b"\xa1\xf5\x01", b"\x61\xff", b"", b"\x00\x00"),
    ],
)  # fmt: skip
def test_cbor_is_read_strictly(data):
    with pytest.raises(ValueError, match=r"."):
        cbor.whole(data)


_VALUES = st.recursive(
    st.integers(-(2**64), 2**64 - 1) | st.binary(max_size=300) | st.text(max_size=300),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.integers(-9, 9) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None)
@given(_VALUES)
def test_cbor_that_was_written_is_read(value):
    try:
        assert cbor.whole(written(value)) == value
    except ValueError as error:
        assert "too deep" in str(error)


@settings(max_examples=500, deadline=None)
@given(st.binary(max_size=200))
def test_garbage_is_refused_in_one_way(data):
    refused(CLIENT, data)
