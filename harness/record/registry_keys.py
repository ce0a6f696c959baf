"""The files of a registry's key: the present one, the next, which was announced, and those of before.

    registries/ORIGIN.pem, ORIGIN-next.pem, ORIGIN-before-ID.pem      ORIGIN: the beginning of its sha256

Which one is in force is the log's to say.
"""

from __future__ import annotations

import os
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.errors import BadInput
from harness.files import refusal, sync
from harness.record.envelope import key_id
from harness.record.keys import load, save


def path_of(place: Path, origin: str, suffix: str = "") -> Path:
    """Where such a key lies below the user's keys."""
    return place / "registries" / f"{sha256(origin.encode()).hexdigest()[:16]}{suffix}.pem"


def next_path(place: Path, origin: str) -> Path:
    """Where the next one lies."""
    return path_of(place, origin, "-next")


def in_force(place: Path, origin: str, public: str) -> Ed25519PrivateKey:
    """The key whose public part (hexadecimal) the log names. Raises `BadInput` where it is not kept here."""
    for path in (path_of(place, origin), next_path(place, origin)):
        if path.exists():
            key = load(path, None)
            if key.public_key().public_bytes_raw().hex() == public:
                return key
    raise BadInput(
        f"the key of the registry {origin} is not kept here",
        where=str(path_of(place, origin)),
        fix="do this where it is kept",
    )


def following(place: Path, origin: str, *, make: bool) -> Ed25519PrivateKey:
    """The next key. Raises `BadInput` where there is none, unless it is to be made."""
    path = next_path(place, origin)
    if not path.exists():
        if not make:
            raise BadInput(
                "the next key is not kept here",
                where=str(path),
                fix="bring the file that repro registry key announce made",
            )
        key = Ed25519PrivateKey.generate()
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            save(path, key, None)
            sync(path.parent)
        except OSError as error:
            raise refusal(error, path) from error
    return load(path, None)


def took_over(place: Path, origin: str, public: str) -> bool:
    """Whether the next key is the one that the log names; then the files follow."""
    path = next_path(place, origin)
    if not path.exists() or load(path, None).public_key().public_bytes_raw().hex() != public:
        return False
    take_over(place, origin)
    return True


def take_over(place: Path, origin: str) -> None:
    """The next key's file becomes the present one's; the old one stays beside. Does nothing where it was done."""
    present, coming = path_of(place, origin), next_path(place, origin)
    try:
        if present.exists() and coming.exists():
            old = load(present, None)
            before = path_of(place, origin, f"-before-{key_id(old.public_key())[:8]}")
            before.unlink(missing_ok=True)
            before.hardlink_to(present)
        if coming.exists():
            os.replace(coming, present)
            sync(present.parent)
    except OSError as error:
        raise refusal(error, present) from error
