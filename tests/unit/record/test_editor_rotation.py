"""An editor's key files: the next key takes over, whatever the step after which the machine stopped."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.record import editor_keys, editor_rotation
from harness.record.envelope import key_id


def ids(place: Path) -> dict[str, str]:
    return {path.name: key_id(editor_keys.load(path, None).public_key()) for path in place.glob("*.pem")}


def test_the_next_key_takes_over_and_a_new_one_is_announced(tmp_path):
    first = editor_keys.create(tmp_path, "ed", None)
    before = ids(tmp_path)
    coming, made = editor_rotation.following(tmp_path, None)
    again, same = editor_rotation.following(tmp_path, None)
    assert (made, again.private_bytes_raw()) == (same, coming.private_bytes_raw())
    assert editor_rotation.advance(tmp_path, None) == made == editor_keys.public(tmp_path)
    now = ids(tmp_path)
    assert key_id(coming.public_key()) == now["editor.pem"] == before["editor-next.pem"] == first.next_key_sha256
    assert now["editor-next.pem"] == made.next_key_sha256
    assert now[f"editor-before-{before['editor.pem'][:8]}.pem"] == before["editor.pem"]
    assert editor_keys.unlock(tmp_path, None).public == made
    assert editor_rotation.earlier(tmp_path, first.key, None) is not None
    assert editor_rotation.earlier(tmp_path, made.key, None) is None


@pytest.mark.parametrize("step", range(1, 7))
def test_what_a_crash_left_half_done_is_finished_by_doing_it_again(tmp_path, monkeypatch, step):
    editor_keys.create(tmp_path, "ed", None)
    _, made = editor_rotation.following(tmp_path, None)
    left = {"steps": step}

    def counted(act):
        def acting(*arguments, **more):
            left["steps"] -= 1
            if left["steps"] == 0:
                raise KeyboardInterrupt
            return act(*arguments, **more)

        return acting

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", counted(os.replace))
        patched.setattr(Path, "hardlink_to", counted(Path.hardlink_to))
        patched.setattr(editor_rotation, "write_bytes", counted(editor_rotation.write_bytes))
        with contextlib.suppress(KeyboardInterrupt):
            editor_rotation.advance(tmp_path, None)
    assert left["steps"] <= 0 or step == 6  # link, two files, the public file and its own renaming
    if editor_keys.public(tmp_path) != made:
        editor_rotation.advance(tmp_path, None)
    assert editor_keys.unlock(tmp_path, None).public == made
    assert ids(tmp_path)["editor-next.pem"] == made.next_key_sha256


def test_a_passphrase_stays(tmp_path):
    editor_keys.create(tmp_path, "ed", "secret")
    with pytest.raises(BadInput, match="can't be opened"):
        editor_rotation.following(tmp_path, "other")
    editor_rotation.following(tmp_path, "secret")
    editor_rotation.advance(tmp_path, "secret")
    assert all(b"ENCRYPTED" in path.read_bytes() for path in tmp_path.glob("*.pem"))


def test_what_is_not_the_announced_key_does_not_take_over(tmp_path):
    with pytest.raises(BadInput, match="there are no editor's keys"):
        editor_rotation.following(tmp_path, None)
    editor_keys.create(tmp_path, "ed", None)
    (tmp_path / "editor-next.pem").write_bytes((tmp_path / "editor.pem").read_bytes())
    with pytest.raises(BadInput, match="not the announced one"):
        editor_rotation.advance(tmp_path, None)
