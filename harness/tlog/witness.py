"""What a witness is asked, and whether it may sign: C2SP tlog-witness. Pure: state, keys and clock are the caller's.

old 20852014
PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=

example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=

— example.com/behind-the-sofa Az3grlgt…
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from harness.errors import BadInput, Conflict, NotAllowed, NotFound, RecordInvalid
from harness.measure.plural import count
from harness.tlog import checkpoint, merkle
from harness.tlog.checkpoint import Checkpoint

LONGEST = 63  # hashes of a proof
_OLD = re.compile(r"old (0|[1-9][0-9]{0,15})")
_WHERE = "checkpoint"


class OtherSize(Conflict):
    """The witness last signed a log of another size, `size`, than the request names."""

    size = 0


@dataclass(frozen=True, slots=True)
class Request:
    """A checkpoint, and the proof that its log begins with that of `old` entries."""

    old: int
    proof: tuple[bytes, ...]
    note: bytes


@dataclass(frozen=True, slots=True)
class Head:
    """The last tree of a log that a witness signed; nothing of a log that it never signed."""

    size: int = 0
    root: bytes = merkle.EMPTY_ROOT


def write(request: Request) -> bytes:
    """The body of an `add-checkpoint` request."""
    hashes = "".join(f"{base64.b64encode(one).decode()}\n" for one in request.proof)
    return f"old {request.old}\n{hashes}\n".encode() + request.note


def read(body: bytes) -> Request:
    """The request in a body; nothing is checked yet. Raises `BadInput`."""
    head, separator, note = body.partition(b"\n\n")
    try:
        first, *rest = head.decode("ascii").split("\n")
    except UnicodeDecodeError:
        raise _malformed("must be ASCII down to its first empty line") from None
    match = _OLD.fullmatch(first)
    if match is None or not separator:
        raise _malformed("must begin with the line `old SIZE`, hashes and an empty line")
    hashes = [checkpoint.decoded(one) for one in rest]
    good = [one for one in hashes if one is not None and len(one) == merkle.HASH_SIZE]
    if len(good) != len(hashes) or len(hashes) > LONGEST:
        raise _malformed(f"must have at most {LONGEST} hashes of {merkle.HASH_SIZE} bytes, in base64")
    return Request(int(match[1]), tuple(good), note)


def origin_of(request: Request) -> str:
    """The log that it speaks of, as its first line says; not checked. Raises `BadInput`."""
    try:
        origin = request.note.partition(b"\n")[0].decode()
    except UnicodeDecodeError:
        raise _malformed("must be UTF-8") from None
    if not origin:
        raise _malformed("must begin with an origin")
    return origin


def checked(request: Request, keys: Mapping[str, Ed25519PublicKey], seen: Head) -> tuple[bytes, Checkpoint]:
    """The text to sign, and the tree: signed by its log, and a log that has only grown since `seen`. `keys`: the log's, by name.

    Raises `NotFound` (no keys), `BadInput` (malformed), `NotAllowed` (not signed by the log), `OtherSize`, `Conflict` for another
    tree of the same size, and `RecordInvalid` where it is not shown to continue what was signed.
    """
    if not keys:
        raise NotFound("is not a log that this witness knows", where=_WHERE, fix="ask whoever runs the witness")
    try:
        text, _ = checkpoint.split(request.note, _WHERE)
    except RecordInvalid as error:
        raise _malformed(error.what) from None
    try:
        checkpoint.open_note(request.note, keys, _WHERE)
    except RecordInvalid as error:
        raise NotAllowed(error.what, where=_WHERE, fix="sign it with the log's key") from None
    tree = _tree(text)
    if request.old > tree.size:
        raise _malformed(f"names an older log of {count(request.old, 'entry', 'entries')}, and has {tree.size}")
    if request.old != seen.size:
        size = count(seen.size, "entry", "entries")
        other = OtherSize(f"the last one signed has {size}", where=_WHERE, fix="send the proof from there")
        other.size = seen.size
        raise other
    if tree.size == seen.size and tree.root != seen.root and not request.proof:
        raise _another(f"is another log of {count(seen.size, 'entry', 'entries')} than the one signed last")
    if not merkle.verify_consistency(seen.size, tree.size, seen.root, tree.root, request.proof):
        raise RecordInvalid(
            f"is not shown to continue the log of {count(seen.size, 'entry', 'entries')}",
            where=_WHERE,
            fix="a log only grows",
        )
    return text, tree


def _tree(text: bytes) -> Checkpoint:
    try:
        return checkpoint.parse(text, _WHERE, extended=True)
    except RecordInvalid as error:
        if text.split(b"\n")[1:2] == [b"0"]:  # the one fault that the protocol counts as another past
            raise _another("must have the root of an empty log") from None
        raise _malformed(error.what) from None


def _another(what: str) -> Conflict:
    return Conflict(what, where=_WHERE, fix="a log only grows")


def _malformed(what: str) -> BadInput:
    return BadInput(what, where=_WHERE, fix="see c2sp.org/tlog-witness")
