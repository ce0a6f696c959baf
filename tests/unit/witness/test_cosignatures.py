"""Cosignatures: those of real witnesses are read, ours are what the specification says, and nothing else counts."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import BadInput, RecordInvalid
from harness.tlog import checkpoint, cosignature
from harness.tlog.checkpoint import Checkpoint
from harness.tlog.cosignature import Cosigner

# A log of the Certificate Transparency staging, cosigned by four witnesses of the public network on 2026-05-23.
ARCHE = """arche2025h1.staging.ct.transparency.dev
1432088532
U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=

— arche2025h1.staging.ct.transparency.dev zTM8sQAAAZ5W0WdjBAMARjBEAiBjW5IQf9pvsYLfQFX6hoGREPMHbdQ3urbllzalApkptQIgIpwtEroeW2BXaHAI4kJXFbon5Ch9MNL5zRNZ55lvGt0=
— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei59RA23oHP7Ry1k3ZFWwQ=
— transparency.dev/DEV:witness-little-garden 2AQqhwAAAABqEiEgzgFIqqhbUoDwjMWE6UP8nd8/KYTzwZ2rhIgcqoXHAwVkjZr4AscylP3v7sEodkRAErumC2q44vdgJY096st5BQ==
— witness1.smartit.nu/witness1 pIyCDwAAAABqEiEghIp82KWebrw7/oHQwlTAm3g2RKS4+eebl8eO0WH+/iEcxZ75W3u5hNI7TOQtmJbqmNWVuE0tgh0XwzdZsDsUAQ==
— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw==
— witness.stagemole.eu Z/euoAAAAABqEiEgw0i+7g2ENfDAWHmtRzCfKTHSDwYDJA2NmKeGi9Y8FtEyOUvVr+AJmIY/2TUFucgKi7lI7cUiOvKFYe/TmN9DAg==
""".encode()
ARCHE_KEY = "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
REMORA = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
REMORA_AT = 0x6A122120

# c2sp.org/tlog-cosignature: the specification names no keys, so that what can be held against it is the form.
SPEC_LINE = "— witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRaJNiIDoe9DYn/zXcrtPHeolMI5OWXEhZCB9dlrDJsX3b2oyin1nPZqhf5nNo0xUe+mbIUBkBIfZ+qnA=="
SPEC_TEXT = b"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
SPEC_AT = 1679315147

LOG = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(2, 34)))
W1 = Cosigner("witness.example/w1", KEY.public_key())
W2 = Cosigner("witness.example/w2", OTHER.public_key())
HEAD = Checkpoint("log.example/a", 7, bytes(range(32)))
TEXT = checkpoint.body(HEAD)
NOTE = checkpoint.sign(HEAD, LOG)


def signed(at_s: int = SPEC_AT, note: bytes = NOTE) -> bytes:
    return note + cosignature.line(TEXT, KEY, W1.name, at_s)


def test_the_cosignature_of_a_real_witness_on_a_real_log_holds():
    remora = cosignature.parse_vkey(REMORA, "x")
    assert cosignature.vkey(remora) == REMORA
    assert cosignature.times(ARCHE, [remora], "x") == {"remora.n621.de": REMORA_AT}
    name, key = checkpoint.parse_vkey(ARCHE_KEY, "x")
    found = checkpoint.read(ARCHE, {name: key}, "x")
    assert (found.origin, found.size) == (name, 1432088532)


@pytest.mark.parametrize(
    "part", ["1432088532", "U7WM79jr", "arche2025h1.staging.ct.transparency.dev\n143", "PlfF3V06", "aBIhID"]
)
def test_a_real_cosignature_on_another_text_or_of_another_time_is_false(part):
    changed = ARCHE.decode().replace(part, part[:-1] + ("3" if part[-1] != "3" else "4"))
    if part == "aBIhID":
        data = bytearray(
            base64.b64decode(
                "2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0DrAWfBw=="
            )
        )
        old = base64.b64encode(data).decode()
        data[11] ^= 1  # a second later
        changed = ARCHE.decode().replace(old, base64.b64encode(data).decode())
    assert changed.encode() != ARCHE
    with pytest.raises(RecordInvalid, match=r"the cosignature of remora\.n621\.de is false"):
        cosignature.times(changed.encode(), [cosignature.parse_vkey(REMORA, "x")], "x")


def test_the_specification_s_example_has_our_form():
    text, signatures = checkpoint.split(SPEC_TEXT + b"\n" + f"{SPEC_LINE}\n".encode(), "x")
    ((name, data),) = signatures
    assert (text, name, len(data), int.from_bytes(data[4:12], "big")) == (
        SPEC_TEXT,
        "witness.example.com/w1",
        76,
        SPEC_AT,
    )
    own = cosignature.line(SPEC_TEXT, KEY, "witness.example.com/w1", SPEC_AT).decode()
    assert len(own) == len(SPEC_LINE) + 1
    assert base64.b64decode(own.split()[2])[4:12] == data[4:12]


def test_what_is_signed_is_the_header_the_time_and_the_whole_text():
    data = base64.b64decode(cosignature.line(SPEC_TEXT, KEY, "w", SPEC_AT).split()[2])
    message = b"cosignature/v1\ntime 1679315147\nexample.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    KEY.public_key().verify(data[12:], message)
    assert data[:4] == checkpoint.key_hash("w", KEY.public_key(), b"\x04")


@given(st.integers(1, 2**63 - 1))
def test_any_time_is_read_as_it_was_signed(at_s):
    assert cosignature.times(signed(at_s), [W1, W2], "x") == {W1.name: at_s}


@pytest.mark.parametrize("at_s", [0, -1, 2**63])
def test_no_other_time_is_signed(at_s):
    with pytest.raises(BadInput, match="must be a time"):
        cosignature.line(TEXT, KEY, W1.name, at_s)


def test_every_flipped_bit_of_text_and_cosignature_is_found():
    made = signed()
    for place in range(len(made)):
        if len(TEXT) < place <= len(NOTE):
            continue  # the log's own line, which a cosignature does not cover
        for bit in range(8):
            changed = bytearray(made)
            changed[place] ^= 1 << bit
            try:
                assert cosignature.times(bytes(changed), [W1], "x") == {}, (place, bit)
            except RecordInvalid:
                continue


def test_others_are_ignored_and_the_latest_of_several_counts():
    both = signed(5) + cosignature.line(TEXT, KEY, W1.name, 9) + cosignature.line(TEXT, OTHER, "stranger.example", 3)
    assert cosignature.times(both, [W1, W2], "x") == {W1.name: 9}
    assert cosignature.times(NOTE, [W1, W2], "x") == {}
    same_name = NOTE + cosignature.line(TEXT, OTHER, W1.name, 5)  # the name, another key: another hash
    assert cosignature.times(same_name, [W1], "x") == {}


def test_a_log_s_signature_is_not_taken_for_a_witness_s_and_the_other_way():
    plain = checkpoint.cosign(NOTE, KEY, W1.name)  # type 1, by the same key
    assert cosignature.times(plain, [W1], "x") == {}
    with pytest.raises(RecordInvalid, match="is signed by 0 known keys"):
        checkpoint.open_note(signed(), {W1.name: W1.key}, "x")
    for text in (checkpoint.vkey(W1.name, W1.key), ARCHE_KEY, REMORA[:-1], "x", ""):
        with pytest.raises(BadInput, match="must be the verifier key of a witness"):
            cosignature.parse_vkey(text, "x")
    with pytest.raises(BadInput, match="must be an Ed25519 verifier key"):
        checkpoint.parse_vkey(REMORA, "x")


def test_a_note_is_parted_from_its_cosignatures_and_put_together_again():
    made = signed() + cosignature.line(TEXT, OTHER, W2.name, 4)
    note, lines = cosignature.parted(made, "x")
    assert note == NOTE
    assert note + b"".join(lines.values()) == made
    assert list(lines) == [f"{W1.name}+{W1.hash.hex()}", f"{W2.name}+{W2.hash.hex()}"]
