"""What a registry may ask beside a record and nobody publishes: digests of the devices that ran and of what was built there.

The *device note*, a file of its own beside the record, readable by the user alone. The signed record names its digest, so that
operator and rig have signed it too: who changes it, or takes another's, or none, is seen. A random number in it keeps the digest
from tying two records of one machine in public.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from harness.errors import BadInput
from harness.files import read_if_there

FILE = "private.json"  # and the subject's name in the record's statement
TYPE = "urn:repro-harness:device-note:v1"
_MOST = 64
_DIGEST = re.compile(r"[0-9a-f]{64}")
_LIMIT = 64 << 10
_FIX = "take the file that was written with the record, or measure again"


def make(device_ids: Sequence[str], build_sha256: str = "") -> bytes | None:
    """A note of digests of these ids, another note each time; None where there is nothing to note."""
    ids = sorted(
        sha256(one.encode()).hexdigest() for one in {*device_ids, *([f"build:{build_sha256}"] if build_sha256 else [])}
    )
    if not ids:
        return None
    return json.dumps({"_type": TYPE, "ids": ids, "random": secrets.token_hex(32)}, separators=(",", ":")).encode()


def write(folder: Path, note: bytes | None) -> None:
    """Beside the record in `folder`; nothing where there is no note."""
    if note is None:
        return
    descriptor = os.open(folder / FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(note)


def read(folder: Path) -> bytes | None:
    """The note's bytes, not checked; None where there is no such file. Raises `BadInput` for one that can't be read."""
    return read_if_there(folder / FILE, _LIMIT, "the device note")


def digest(note: bytes) -> str:
    """By which a record names it."""
    return sha256(note).hexdigest()


def ids_of(note: bytes | None, named: str, where: str) -> tuple[str, ...]:
    """The digests in the note whose sha256 the record names; () where it names none.

    Raises `BadInput` where the named one is missing, is another, or is damaged.
    """
    if not named:
        return ()
    if note is None:
        raise BadInput("must be there: its record names a device note", where=where, fix=_FIX)
    if len(note) > _LIMIT or digest(note) != named:
        raise BadInput("is not the device note that its record names", where=where, fix=_FIX)
    try:
        value = json.loads(note)
        found = value["ids"]
        if value["_type"] != TYPE or not isinstance(found, list) or not 1 <= len(found) <= _MOST:
            raise ValueError("it holds no list of ids")
        if not all(isinstance(one, str) and _DIGEST.fullmatch(one) for one in found):
            raise ValueError("its ids must be digests")
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadInput(f"is not a device note ({error})", where=where, fix=_FIX) from error
    return tuple(found)
