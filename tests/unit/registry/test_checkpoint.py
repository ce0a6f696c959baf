"""Checkpoints: Go's notes are read and written byte for byte, and whatever is not a signed head is refused by its name."""

import base64
from hashlib import sha256

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import BadInput, RecordInvalid
from harness.tlog import checkpoint
from harness.tlog.checkpoint import Checkpoint
from harness.tlog.merkle import EMPTY_ROOT, leaf_hash

# golang.org/x/mod/sumdb/note, note_test.go
PETER_SECRET = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
ENOCH = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop"
TEXT = b"If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
PETER_LINE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
ENOCH_LINE = (
    "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n"
)
PETER_KEYS = dict([checkpoint.parse_vkey(PETER, "x")])
BOTH_KEYS = {**PETER_KEYS, **dict([checkpoint.parse_vkey(ENOCH, "x")])}

NAME = "registry.example/log"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
WITNESS = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
KEYS = {NAME: KEY.public_key()}
ALL_KEYS = {**KEYS, "witness.example": WITNESS.public_key()}
HEAD = Checkpoint(NAME, 20852163, base64.b64decode("CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I="))
NOTE = checkpoint.sign(HEAD, KEY)
BODY = checkpoint.body(HEAD)
LINE = NOTE[len(BODY) + 1 :]


def by_hand(text, key=KEY, name=NAME):
    """A note of any text, its signature good."""
    return checkpoint.sign_text(text, key, name)


def note(*lines):
    return TEXT + b"\n" + "".join(lines).encode()


def test_the_body_is_that_of_the_specification():
    # c2sp.org/tlog-checkpoint
    head = Checkpoint("example.com/behind-the-sofa", HEAD.size, HEAD.root)
    assert checkpoint.body(head) == (
        b"example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    )


def test_go_s_note_is_written_byte_for_byte():
    secret = base64.b64decode(PETER_SECRET)
    assert secret[0] == 1
    key = Ed25519PrivateKey.from_private_bytes(secret[1:])
    assert checkpoint.sign_text(TEXT, key, "PeterNeumann") == note(PETER_LINE)
    assert checkpoint.vkey("PeterNeumann", key.public_key()) == PETER


def test_go_s_notes_are_read():
    peter, both = frozenset(["PeterNeumann"]), frozenset(["PeterNeumann", "EnochRoot"])
    assert checkpoint.open_note(note(PETER_LINE), PETER_KEYS, "x") == (TEXT, peter)
    assert checkpoint.open_note(note(PETER_LINE, ENOCH_LINE), PETER_KEYS, "x") == (TEXT, peter)
    assert checkpoint.open_note(note(PETER_LINE, ENOCH_LINE), BOTH_KEYS, "x", 2) == (TEXT, both)
    assert checkpoint.open_note(note(ENOCH_LINE, PETER_LINE, PETER_LINE), BOTH_KEYS, "x") == (TEXT, both)


@pytest.mark.parametrize(
    "data",
    [
        TEXT,
        TEXT + b"\n",
        note(PETER_LINE)[:-1],
        b"\x01" + note(PETER_LINE),
        b"\xff" + note(PETER_LINE),
        note(PETER_LINE.replace("PeterNeumann", "Bad Name")),
        note(PETER_LINE.replace("PeterNeumann", "Bad+Name")),
        note(PETER_LINE, "Unexpected line.\n"),
        note("Unexpected line.\n", PETER_LINE),
        note(PETER_LINE) + b"\n",
        note(PETER_LINE.replace("—", "-")),
        note(PETER_LINE.replace("\n", "\r\n")),
        note(PETER_LINE.replace("AM=", "AN=")),  # the same bytes, with stray bits
        note(PETER_LINE.replace("AM=", "AM")),
        note(PETER_LINE, "— other.example AAAAAA==\n"),  # a hash, and no signature
        note(*[PETER_LINE] * 101),
        b"\n\n" + PETER_LINE.encode(),
        b"",
    ],
)
def test_what_go_and_the_specification_call_malformed_is_no_note(data):
    with pytest.raises(RecordInvalid, match="is not a signed note"):
        checkpoint.open_note(data, PETER_KEYS, "x")


def test_a_note_is_cut_at_its_last_empty_line():
    text = b"Ognuno sta solo\n\n\xc3\xa8 subito sera.\n\n"
    assert checkpoint.open_note(by_hand(text), KEYS, "x") == (text, frozenset([NAME]))


def test_more_than_a_mebibyte_is_not_looked_at():
    with pytest.raises(RecordInvalid, match="the limit is"):
        checkpoint.read(by_hand(b"a\n1\n" + b"A" * (1 << 20) + b"\n"), KEYS, "x")


def test_what_was_signed_is_what_is_read():
    assert checkpoint.read(NOTE, KEYS, "x") == HEAD
    empty = Checkpoint(NAME, 0, EMPTY_ROOT)
    assert checkpoint.read(checkpoint.sign(empty, KEY), KEYS, "x") == empty
    largest = Checkpoint("an origin with spaces + plus", 2**53, HEAD.root)
    assert checkpoint.read(checkpoint.sign(largest, KEY, NAME), KEYS, "x") == largest


@given(st.text(min_size=1, max_size=40), st.integers(1, 2**53), st.binary(min_size=32, max_size=32))
def test_whatever_can_be_signed_can_be_read(origin, size, root):
    head = Checkpoint(origin, size, root)
    try:
        made = checkpoint.sign(head, KEY, NAME)
    except BadInput:
        assert any(c < " " or "\ud800" <= c <= "\udfff" for c in origin)
        return
    assert checkpoint.read(made, KEYS, "x") == head


def test_every_flipped_bit_is_found():
    made = checkpoint.cosign(NOTE, WITNESS, "witness.example")
    assert checkpoint.read(made, ALL_KEYS, "x", 2) == HEAD
    for place in range(len(made)):
        for bit in range(8):
            changed = bytearray(made)
            changed[place] ^= 1 << bit
            with pytest.raises(RecordInvalid):
                checkpoint.read(bytes(changed), ALL_KEYS, "x", 2)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (BODY.replace(b"\n2", b"\n02"), "must be a size"),
        (BODY.replace(b"20852163", b"00"), "must be a size"),
        (BODY.replace(b"20852163", b"+2"), "must be a size"),
        (BODY.replace(b"20852163", b"-2"), "must be a size"),
        (BODY.replace(b"20852163", b" 2"), "must be a size"),
        (BODY.replace(b"20852163", b"2e3"), "must be a size"),
        (BODY.replace(b"20852163", "٢".encode()), "must be a size"),
        (BODY.replace(b"20852163", b"9007199254740993"), "must be a size"),
        (BODY.replace(b"20852163", b"9" * 5000), "must be a size"),
        (BODY.replace(b"20852163", b"0"), "not that of an empty log"),
        (BODY.replace(b"q2I=", b""), "its root is not 32 bytes"),
        (BODY.replace(b"q2I=", b"q2IA"), "its root is not 32 bytes"),
        (BODY.replace(b"q2I=", b"q2J="), "its root is not 32 bytes"),
        (BODY.replace(b"CsUY", b"Cs UY"), "its root is not 32 bytes"),
        (BODY.replace(b"CsUY", b"Cs-Y"), "its root is not 32 bytes"),
        (BODY.replace(NAME.encode(), b""), "must be an origin"),
        (BODY + b"an extension\n", "has 4 lines"),
        (BODY + b"\n", "has 4 lines"),
        (BODY[: BODY.rindex(b"\n", 0, -1) + 1], "has 2 lines"),
        (TEXT, "has 2 lines"),
    ],
)  # fmt: skip
def test_a_signed_text_that_is_no_checkpoint_is_refused(text, reason):
    made = by_hand(text)
    with pytest.raises(RecordInvalid, match=reason):
        checkpoint.read(made, KEYS, "x")
    with pytest.raises(RecordInvalid, match=reason):
        checkpoint.cosign(made, WITNESS, "witness.example")


@pytest.mark.parametrize(
    "head",
    [
        Checkpoint("", 1, HEAD.root),
        Checkpoint("two\nlines", 1, HEAD.root),
        Checkpoint("tab\t", 1, HEAD.root),
        Checkpoint("lone \udc80", 1, HEAD.root),
        Checkpoint(NAME, -1, HEAD.root),
        Checkpoint(NAME, 2**53 + 1, HEAD.root),
        Checkpoint(NAME, 1, HEAD.root[:31]),
        Checkpoint(NAME, 0, HEAD.root),
    ],
)
def test_what_would_not_be_read_is_not_signed(head):
    with pytest.raises(BadInput):
        checkpoint.sign(head, KEY, NAME)


def test_a_stranger_s_signature_does_not_count():
    stranger = checkpoint.sign(HEAD, WITNESS)  # the log's name, another key: another hash
    for made in (stranger, checkpoint.sign(HEAD, KEY, "other.example"), NOTE.replace(LINE, ENOCH_LINE.encode())):
        with pytest.raises(RecordInvalid, match="is signed by 0 known keys"):
            checkpoint.read(made, KEYS, "x")
    assert checkpoint.read(stranger + LINE, KEYS, "x") == HEAD


def test_a_false_signature_of_a_known_key_spoils_the_note():
    other = checkpoint.sign(Checkpoint(NAME, 1, leaf_hash(b"")), KEY)
    for made in (NOTE.replace(b"20852163", b"20852164"), other + LINE, BODY + b"\n" + other.split(b"\n\n")[1]):
        with pytest.raises(RecordInvalid, match=f"the signature of {NAME} is false"):
            checkpoint.read(made, KEYS, "x")
    mark = checkpoint.key_hash(NAME, KEY.public_key())
    short = f"— {NAME} {base64.b64encode(mark + bytes(63)).decode()}\n".encode()
    with pytest.raises(RecordInvalid, match="is false"):
        checkpoint.read(NOTE + short, KEYS, "x")


def test_cosigners_are_counted_once_each():
    made = checkpoint.cosign(NOTE, WITNESS, "witness.example")
    assert made.startswith(NOTE)
    assert checkpoint.read(made, ALL_KEYS, "x", 2) == HEAD
    assert checkpoint.cosign(made, WITNESS, "witness.example") == made
    with pytest.raises(RecordInvalid, match="is signed by 1 known keys, and 2"):
        checkpoint.read(NOTE, ALL_KEYS, "x", 2)
    with pytest.raises(RecordInvalid, match="is signed by 1 known keys, and 2"):
        checkpoint.read(NOTE + LINE, ALL_KEYS, "x", 2)
    twice = checkpoint.cosign(NOTE, KEY, "alias.example")
    with pytest.raises(RecordInvalid, match="is signed by 1 known keys, and 2"):
        checkpoint.read(twice, {**KEYS, "alias.example": KEY.public_key()}, "x", 2)


def test_a_witness_alone_does_not_speak_for_the_log():
    made = checkpoint.sign(HEAD, WITNESS, "witness.example")
    with pytest.raises(RecordInvalid, match=f"is not signed by {NAME} itself"):
        checkpoint.read(made, ALL_KEYS, "x")


def test_a_threshold_of_none_is_refused():
    with pytest.raises(BadInput, match="anybody's word"):
        checkpoint.read(NOTE, KEYS, "x", 0)


def test_signatures_are_limited():
    full = NOTE
    for number in range(1, 100):
        full = checkpoint.cosign(full, WITNESS, f"witness.example/{number}")
    assert checkpoint.read(full, KEYS, "x") == HEAD
    with pytest.raises(BadInput, match="100 signatures already"):
        checkpoint.cosign(full, WITNESS, "witness.example/100")


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b", "a\x01", "\udc80"])
def test_what_can_t_name_a_key_is_refused(name):
    for act in (
        lambda: checkpoint.sign(HEAD, KEY, name),
        lambda: checkpoint.cosign(NOTE, KEY, name),
        lambda: checkpoint.vkey(name, KEY.public_key()),
    ):
        with pytest.raises(BadInput, match="can't name a key"):
            act()


def test_verifier_keys_are_read_and_their_manglings_refused():
    assert [checkpoint.vkey(*checkpoint.parse_vkey(text, "x")) for text in (PETER, ENOCH)] == [PETER, ENOCH]
    assert checkpoint.parse_vkey(checkpoint.vkey(NAME, KEY.public_key()), "x")[0] == NAME
    manglings = {PETER[i:j] for i in range(len(PETER)) for j in range(i, len(PETER) + 1)} - {PETER}
    manglings |= {PETER[:i] + chr(ord(PETER[i]) + 1) + PETER[i + 1 :] for i in range(len(PETER))}
    manglings |= {
        PETER + "\n",
        PETER.replace("c74f20a3", "C74F20A3"),
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",  # a longer key, its hash fitted
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",  # another type, its hash fitted
    }
    for length in (31, 33):
        data = b"\x01" + bytes(length)
        mark = sha256(b"PeterNeumann\n" + data).hexdigest()[:8]
        manglings.add(f"PeterNeumann+{mark}+{base64.b64encode(data).decode()}")
    for text in manglings:
        with pytest.raises(BadInput, match="must be an Ed25519 verifier key"):
            checkpoint.parse_vkey(text, "x")
