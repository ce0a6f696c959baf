"""An editor's key, rotated at a registry and in the files: one command, which can be run again until both are done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.registry.store import Registry


def rotated(registry: Registry, reason: str, file: Path | None) -> str:
    """What was done, in a line. Raises `BadInput`: a key that the registry does not know, or others must sign, and no file."""
    from harness.errors import BadInput
    from harness.files import write_bytes
    from harness.paths import keys_folder
    from harness.record import editor_keys, editor_rotation
    from harness.record.envelope import key_id
    from harness.registry.actions import editor_rotation as actions
    from harness.registry.actions.acts import Actor
    from harness.registry.actions.editors import propose_editors
    from harness.terminal.keys import secret

    place = keys_folder()
    passphrase = secret(place / editor_keys.EDITOR, "editor's")
    present = editor_keys.public(place)
    if present is None:
        raise BadInput(
            "there are no editor's keys", where=str(place), fix="run: repro keys new --role editor --handle NAME"
        )
    if editor_rotation.half_done(place, passphrase):
        present = editor_rotation.advance(place, passphrase)
    own, known = editor_keys.unlock(place, passphrase), actions.entry_of(registry, present.handle)
    if known.key == present.key:
        signer, (coming, made) = own.key, editor_rotation.following(place, passphrase)
    else:
        old = editor_rotation.earlier(place, known.key, passphrase)
        if old is None or known.next_key_sha256 != key_id(own.key.public_key()):
            return _finished(known.key, passphrase, place)
        signer, coming, made = old, own.key, present  # another registry was told before
    actor = Actor(present.handle, (signer, coming))
    if file is not None:
        write_bytes(file, propose_editors(registry, actor, actions.with_key(registry, made), reason))
        return f"{file}: signed by {present.handle}; once it is applied, run this command again: it swaps the files"
    entry = actions.rotate(registry, actor, made, reason)
    if made != present:
        editor_rotation.advance(place, passphrase)
    return f"{present.handle}: the new key decides from entry {entry} on"


def _finished(known: str, passphrase: str | None, place: Path) -> str:
    """The list has the next key already: only the files are to be swapped."""
    from harness.errors import BadInput
    from harness.record import editor_rotation

    coming, _ = editor_rotation.following(place, passphrase)
    if coming.public_key().public_bytes_raw().hex() != known:
        raise BadInput(
            "the registry knows this editor by another key", where="editor", fix="restore the files of that key"
        )
    made = editor_rotation.advance(place, passphrase)
    return f"{made.handle}: the registry has the new key already; the files are swapped"
