"""Cosignatures: a witness says that it saw a log only grow up to a checkpoint, and when. C2SP tlog-cosignature, Ed25519. Pure.

    — witness.example.com/w1 jWbPPwAAAABkGFDLEZMHwSRa…

A line of a signed note: the four bytes of the key, a time (8 bytes, s since 1970), and a signature over both time and text.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from harness.errors import BadInput, RecordInvalid
from harness.tlog import checkpoint

KIND = b"\x04"  # the type of signature
_SIZE = 4 + 8 + 64  # bytes: key, time, signature
_LATEST_S = 2**63 - 1
MOST_AHEAD_S = 300  # of whoever reads it: what a witness's clock may be ahead


@dataclass(frozen=True, slots=True)
class Cosigner:
    """A witness as its readers know it."""

    name: str
    key: Ed25519PublicKey

    @property
    def hash(self) -> bytes:
        """The four bytes with which its signatures begin."""
        return checkpoint.key_hash(self.name, self.key, KIND)


def vkey(cosigner: Cosigner) -> str:
    """Its verifier key, one line for others to keep."""
    return checkpoint.vkey(cosigner.name, cosigner.key, KIND)


def parse_vkey(text: str, where: str) -> Cosigner:
    """A witness's verifier key. Raises `BadInput`; a log's own, which is of another type, too."""
    try:
        return Cosigner(*checkpoint.parse_vkey(text, where, KIND))
    except BadInput:
        raise BadInput(
            "must be the verifier key of a witness",
            where=where,
            fix="copy the whole line that the witness prints: name+hash+key, for Ed25519 cosignatures",
        ) from None


def line(text: bytes, key: Ed25519PrivateKey, name: str, at_s: int) -> bytes:
    """The signature line over a checkpoint's text, with its new line. `at_s`: s since 1970, not 0. Raises `BadInput`."""
    if not 0 < at_s <= _LATEST_S:
        raise BadInput(f"{at_s} must be a time in seconds since 1970", where="cosignature", fix="set the clock")
    mark = checkpoint.key_hash(name, key.public_key(), KIND)
    data = mark + at_s.to_bytes(8, "big") + key.sign(_message(text, at_s))
    return f"— {name} {base64.b64encode(data).decode()}\n".encode()


def times(note: bytes, cosigners: Sequence[Cosigner], where: str) -> dict[str, int]:
    """Which of the witnesses signed the note, by name, and when (s since 1970; the latest, where there are several lines).

    Lines of others are ignored. Raises `RecordInvalid` for a false one of a known witness, and for what is not a note.
    """
    text, signatures = checkpoint.split(note, where)
    known = {(one.name, one.hash): one.key for one in cosigners}
    found: dict[str, int] = {}
    for name, data in signatures:
        key = known.get((name, data[:4]))
        if key is None:
            continue
        at_s = int.from_bytes(data[4:12], "big")
        try:
            if len(data) != _SIZE or not 0 < at_s <= _LATEST_S:
                raise InvalidSignature
            key.verify(data[12:], _message(text, at_s))
        except InvalidSignature:
            raise RecordInvalid(
                f"the cosignature of {name} is false", where=where, fix="take another copy; ask the witness"
            ) from None
        found[name] = max(at_s, found.get(name, 0))
    return found


def parted(note: bytes, where: str) -> tuple[bytes, dict[str, bytes]]:
    """The note without the lines that have the shape of a cosignature, and these, by name and hash. Raises `RecordInvalid`."""
    text, signatures = checkpoint.split(note, where)
    rest, lines = [], {}
    for name, data in signatures:
        one = f"— {name} {base64.b64encode(data).decode()}\n".encode()
        if len(data) == _SIZE:
            lines[f"{name}+{data[:4].hex()}"] = one
        else:
            rest.append(one)
    return text + b"\n" + b"".join(rest), lines


def _message(text: bytes, at_s: int) -> bytes:
    return f"cosignature/v1\ntime {at_s}\n".encode() + text
