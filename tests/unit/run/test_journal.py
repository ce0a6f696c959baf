"""A journal outlives its program."""

import pytest

from harness.errors import BadInput
from harness.run.journal import Journal
from harness.worker.frames import Frame

IDENTITY = {"model": "m", "suite": "s", "options": {"threads": 2}}


def test_frames_come_back_and_a_torn_one_is_left_out(tmp_path):
    journal = Journal.create(tmp_path, IDENTITY)
    journal.append(0, Frame("hello", {"protocol": 1}))
    journal.append(0, Frame("trial", {"order": 0}, b"12345678"))
    journal.append(1, Frame("hello", {"protocol": 1}))
    torn = journal.folder / "process-001.frames"
    torn.write_bytes(torn.read_bytes() + torn.read_bytes()[:-4])
    again = Journal.resume(tmp_path, IDENTITY)
    assert again.folder == journal.folder
    assert [f.kind for f in again.processes()[0]] == ["hello", "trial"]
    assert [f.kind for f in again.processes()[1]] == ["hello"]


def test_only_the_same_run_is_resumed(tmp_path):
    Journal.create(tmp_path, IDENTITY)
    with pytest.raises(BadInput, match="no unfinished run"):
        Journal.resume(tmp_path, {**IDENTITY, "suite": "other"})


def test_the_newest_is_resumed_and_a_finished_one_is_gone(tmp_path):
    Journal.create(tmp_path, IDENTITY)
    newest = Journal.create(tmp_path, IDENTITY)
    assert Journal.resume(tmp_path, IDENTITY).folder == newest.folder
    newest.discard()
    assert not newest.folder.exists()
