"""Checkpoints: a log's origin, size and root, signed, in the C2SP formats tlog-checkpoint and signed-note. Pure.

    example.org/registry
    20852163
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

    — example.org/registry Az3grlgt…

Stricter than the specification in three things: base64 as an encoder writes it, no extension lines (nobody audits them), and
a size of at most 2^53. What `sign` writes, `read` takes.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from harness.errors import BadInput, RecordInvalid
from harness.tlog.merkle import EMPTY_ROOT, HASH_SIZE

NOTE_LIMIT = 1 << 20
SIGNATURES_LIMIT = 100  # as Go's sumdb/note; the specification asks for 16 at least
TREE_LIMIT = 2**53

ED25519 = b"\x01"  # the type of signature
_LINE = re.compile(r"[^\x00-\x1f\ud800-\udfff]+")
_NAME = re.compile(r"[^\s+\x00-\x1f\ud800-\udfff]+")
_SIGNATURE = re.compile(rf"— ({_NAME.pattern}) ([A-Za-z0-9+/]+=*)")
_COUNT = re.compile(r"0|[1-9][0-9]{0,15}")

Signature = tuple[str, bytes]  # the key's name; its hash (4 bytes) and what it signed


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: `root` is the hash over the first `size` entries."""

    origin: str
    size: int
    root: bytes


def body(checkpoint: Checkpoint) -> bytes:
    """The text that is signed. Raises `BadInput` for an origin, size or root that no checkpoint can have."""
    fault = _fault(checkpoint)
    if fault:
        raise BadInput(fault, where="checkpoint")
    return f"{checkpoint.origin}\n{checkpoint.size}\n{base64.b64encode(checkpoint.root).decode()}\n".encode()


def sign(checkpoint: Checkpoint, key: Ed25519PrivateKey, name: str | None = None) -> bytes:
    """The note, signed by the log; the key's name is the origin unless another is given. Raises `BadInput`."""
    return sign_text(body(checkpoint), key, checkpoint.origin if name is None else name)


def cosign(note: bytes, key: Ed25519PrivateKey, name: str) -> bytes:
    """The note with a line of this key at the end, in place of an older line of the same key.

    Whether the others' signatures are good is for `read` to say, before. Raises `RecordInvalid` for what is no checkpoint.
    """
    text, signatures = split(note, "checkpoint")
    parse(text, "checkpoint")
    return sign_text(text, key, name, signatures)


def read(note: bytes, keys: Mapping[str, Ed25519PublicKey], where: str, threshold: int = 1) -> Checkpoint:
    """The checkpoint in a note that at least `threshold` of `keys` (name → key) signed, the log's own among them if it is known.

    The caller compares the origin with the one it expects. Raises `RecordInvalid`.
    """
    text, names = open_note(note, keys, where, threshold)
    found = parse(text, where)
    if found.origin in keys and found.origin not in names:
        raise RecordInvalid(
            f"is not signed by {found.origin} itself", where=where, fix="take the original from the registry"
        )
    return found


def sign_text(text: bytes, key: Ed25519PrivateKey, name: str, others: Sequence[Signature] = ()) -> bytes:
    """A signed note of any text that ends with a new line, after the signatures that it has. Raises `BadInput`."""
    public = key.public_key()
    mark = key_hash(name, public)
    kept = [other for other in others if (other[0], other[1][:4]) != (name, mark)]
    if len(kept) >= SIGNATURES_LIMIT:
        raise BadInput(f"has {SIGNATURES_LIMIT} signatures already", where="checkpoint")
    lines = [f"— {who} {base64.b64encode(what).decode()}\n" for who, what in (*kept, (name, mark + key.sign(text)))]
    return text + b"\n" + "".join(lines).encode()


def open_note(
    note: bytes, keys: Mapping[str, Ed25519PublicKey], where: str, threshold: int = 1
) -> tuple[bytes, frozenset[str]]:
    """The text of a note, and which of `keys` signed it. A line of an unknown key (name or hash) is ignored, as the specification
    asks; a key counts once, whatever its names. Raises `RecordInvalid`: no note, a false signature, or too few.
    """
    if threshold < 1:
        raise BadInput(f"a threshold of {threshold} would take anybody's word", where=where, fix="ask for 1 or more")
    text, signatures = split(note, where)
    signers: dict[str, bytes] = {}
    for name, signature in signatures:
        key = keys.get(name)
        if key is None or signature[:4] != key_hash(name, key):
            continue
        try:
            key.verify(signature[4:], text)
        except InvalidSignature:
            raise RecordInvalid(
                f"the signature of {name} is false",
                where=where,
                fix="it was changed after it was signed; take the original",
            ) from None
        signers[name] = key.public_bytes_raw()
    found = len(set(signers.values()))
    if found < threshold:
        raise RecordInvalid(
            f"is signed by {found} known keys, and {threshold} are needed",
            where=where,
            fix="get the registry's key again",
        )
    return text, frozenset(signers)


def of_keys(note: bytes, keys: Mapping[str, Ed25519PublicKey], where: str) -> bytes:
    """The note with the lines of these keys alone; `read` says whether they hold. Raises `RecordInvalid`."""
    text, signatures = split(note, where)
    known = {(name, key_hash(name, key)) for name, key in keys.items()}
    kept = dict.fromkeys(one for one in signatures if (one[0], one[1][:4]) in known)
    return text + b"\n" + "".join(f"— {who} {base64.b64encode(what).decode()}\n" for who, what in kept).encode()


def key_hash(name: str, public: Ed25519PublicKey, kind: bytes = ED25519) -> bytes:
    """The four bytes that tell a name's keys apart (signed-note, "Signatures"); `kind`: the type of signature, one byte.

    Raises `BadInput` for what can't be a name.
    """
    if _NAME.fullmatch(name) is None:
        raise BadInput(
            f"{name!r} can't name a key", where="checkpoint", fix="use no space and no plus, as example.org/registry"
        )
    return sha256(name.encode() + b"\n" + kind + public.public_bytes_raw()).digest()[:4]


def vkey(name: str, public: Ed25519PublicKey, kind: bytes = ED25519) -> str:
    """The verifier key, one line for others to keep: name+hash+base64. Raises `BadInput` for what can't be a name."""
    data = base64.b64encode(kind + public.public_bytes_raw()).decode()
    return f"{name}+{key_hash(name, public, kind).hex()}+{data}"


def parse_vkey(text: str, where: str, kind: bytes = ED25519) -> tuple[str, Ed25519PublicKey]:
    """The name and the key of a verifier key for that type of signature. Raises `BadInput`."""
    name, _, rest = text.partition("+")
    data = decoded(rest.partition("+")[2])
    if data is not None and len(data) == 33 and data[:1] == kind and _NAME.fullmatch(name) is not None:
        public = Ed25519PublicKey.from_public_bytes(data[1:])
        if vkey(name, public, kind) == text:
            return name, public
    raise BadInput("must be an Ed25519 verifier key", where=where, fix="copy the whole line: name+hash+key")


def split(note: bytes, where: str) -> tuple[bytes, list[Signature]]:
    """The text of a note and the lines below its last empty line; nothing is verified. Raises `RecordInvalid`."""
    if len(note) > NOTE_LIMIT:
        raise RecordInvalid(f"has {len(note)} bytes, the limit is {NOTE_LIMIT}", where=where)
    try:
        text, _, rest = note.decode().rpartition("\n\n")
    except UnicodeDecodeError:
        raise _no_note("it is not UTF-8", where) from None
    if any(c < " " and c != "\n" for c in text):
        raise _no_note("it holds control characters", where)
    if not text or not rest.endswith("\n"):
        raise _no_note("must be a text, an empty line and signatures, and each line must end", where)
    lines = rest[:-1].split("\n")
    if len(lines) > SIGNATURES_LIMIT:
        raise _no_note(f"it has {len(lines)} signatures, the limit is {SIGNATURES_LIMIT}", where)
    signatures = []
    for number, line in enumerate(lines, 1):
        match = _SIGNATURE.fullmatch(line)
        data = decoded(match[2]) if match else None
        if match is None or data is None or len(data) < 5:
            raise _no_note(f"line {number} below the text must be a signature", where)
        signatures.append((match[1], data))
    return f"{text}\n".encode(), signatures


def parse(text: bytes, where: str, *, extended: bool = False) -> Checkpoint:
    """The checkpoint in the text of a note, whose signatures somebody else has checked. `extended`: further lines may follow,
    as other logs write them. Raises `RecordInvalid`.
    """
    lines = text.decode().split("\n")
    if len(lines) < 4 or (len(lines) > 4 and not (extended and all(lines[:-1]))):
        raise RecordInvalid(f"has {len(lines) - 1} lines; a checkpoint has origin, size and root", where=where)
    origin, count, encoded = lines[:3]
    if _COUNT.fullmatch(count) is None:
        raise RecordInvalid(f"{count[:24]!r} must be a size: decimal, at most 2^53, no leading zeros", where=where)
    found = Checkpoint(origin, int(count), decoded(encoded) or b"")
    fault = _fault(found)
    if fault:
        raise RecordInvalid(fault, where=where)
    return found


def _fault(checkpoint: Checkpoint) -> str:
    if _LINE.fullmatch(checkpoint.origin) is None:
        return f"{checkpoint.origin!r} must be an origin: one line that is not empty"
    if not 0 <= checkpoint.size <= TREE_LIMIT:
        return f"{checkpoint.size} must be a size: 0 to 2^53"
    if len(checkpoint.root) != HASH_SIZE:
        return f"its root is not {HASH_SIZE} bytes in base64"
    if checkpoint.size == 0 and checkpoint.root != EMPTY_ROOT:
        return "its root is not that of an empty log"
    return ""


def decoded(text: str) -> bytes | None:
    """Base64 as an encoder writes it, stray bits refused: a note has one form only. None of anything else."""
    try:
        data = base64.b64decode(text, validate=True)
    except ValueError:
        return None
    return data if base64.b64encode(data).decode() == text else None


def _no_note(reason: str, where: str) -> RecordInvalid:
    return RecordInvalid(f"is not a signed note ({reason})", where=where, fix="it is damaged; take another copy")
