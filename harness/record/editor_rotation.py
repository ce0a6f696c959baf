"""An editor's key files, swapped: the announced next key takes over, and a new one is announced. Each step can be done again.

editor.pem, editor-next.pem, editor.json     as they are now
editor-after.pem                             what the next key will announce, made when the change is proposed
editor-before-ID.pem                         keys of before: a registry that was not told yet knows the editor by one
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.errors import BadInput
from harness.files import refusal, sync, write_bytes
from harness.record.editor_keys import EDITOR, NEXT, PUBLIC, PublicEditor, public
from harness.record.envelope import key_id
from harness.record.keys import load, save

AFTER = "editor-after.pem"


def following(place: Path, passphrase: str | None) -> tuple[Ed25519PrivateKey, PublicEditor]:
    """The next key, and the public file that will be its: the key after it is made if it is not there yet.

    Raises `BadInput`: no keys, a wrong passphrase, or a next key that is not the announced one.
    """
    present = public(place)
    if present is None:
        raise BadInput(
            "there are no editor's keys", where=str(place), fix="run: repro keys new --role editor --handle NAME"
        )
    coming = load(place / NEXT, passphrase)
    if key_id(coming.public_key()) != present.next_key_sha256:
        raise BadInput("the next key is not the announced one", where=str(place / NEXT), fix="restore your backup")
    path = place / AFTER
    if not path.exists():
        try:
            save(path, Ed25519PrivateKey.generate(), passphrase)
            sync(place)
        except OSError as error:
            raise refusal(error, path) from error
    later = key_id(load(path, passphrase).public_key())
    return coming, PublicEditor(present.handle, coming.public_key().public_bytes_raw().hex(), later)


def earlier(place: Path, key: str, passphrase: str | None) -> Ed25519PrivateKey | None:
    """The key of before with these public bytes (hexadecimal); None where it is not here."""
    for path in sorted(place.glob("editor-before-*.pem")):
        found = load(path, passphrase)
        if found.public_key().public_bytes_raw().hex() == key:
            return found
    return None


def half_done(place: Path, passphrase: str | None) -> bool:
    """Whether a crash came after the key was swapped and before its public file was."""
    told = public(place)
    return told is not None and key_id(load(place / EDITOR, passphrase).public_key()) == told.next_key_sha256


def advance(place: Path, passphrase: str | None) -> PublicEditor:
    """The next key's file becomes the present one's, its public file with it; the old key stays beside.

    What a crash left half done is finished by doing it again. Raises as `following`.
    """
    old = load(place / EDITOR, passphrase)
    told = public(place)
    if told is not None and key_id(old.public_key()) == told.next_key_sha256:  # swapped, and not yet said
        coming, made = old, None
    else:
        coming, made = following(place, passphrase)
    try:
        if made is not None:
            before = place / f"editor-before-{key_id(old.public_key())[:8]}.pem"
            before.unlink(missing_ok=True)
            before.hardlink_to(place / EDITOR)
            os.replace(place / NEXT, place / EDITOR)
        if (place / AFTER).exists():
            os.replace(place / AFTER, place / NEXT)
        sync(place)
    except OSError as error:
        raise refusal(error, place) from error
    handle = told.handle if told is not None else ""
    later = key_id(load(place / NEXT, passphrase).public_key())
    found = PublicEditor(handle, coming.public_key().public_bytes_raw().hex(), later)
    write_bytes(place / PUBLIC, found.to_json().encode())
    return found
