"""A journal outlives its program."""

import re

import pytest

from harness.errors import BadInput
from harness.run.execute.journal import Journal
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


def test_a_miss_says_in_what_the_nearest_unfinished_run_differs(tmp_path):
    Journal.create(tmp_path, {**IDENTITY, "model": "x", "suite": "y", "bundle": "1"})
    Journal.create(tmp_path, {**IDENTITY, "bundle": "1"})
    for wanted, words in (
        ({**IDENTITY, "bundle": "2"}, "has another version of repro-harness$"),
        ({**IDENTITY, "bundle": "1", "suite": "other"}, "has another suite$"),
        ({**IDENTITY, "bundle": "1", "schema": "1.3"}, "has another version of the record$"),
        ({**IDENTITY, "bundle": "1", "options": {"threads": 3}}, "has another option threads$"),
    ):
        with pytest.raises(BadInput) as caught:
            Journal.resume(tmp_path, wanted)
        assert re.search(words, caught.value.what)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"started_utc": 5, "identity": {}}', '{"started_utc": "now", "identity": {}}']
)
def test_a_damaged_head_is_one_line(tmp_path, text):
    journal = Journal.create(tmp_path, IDENTITY)
    (journal.folder / "run.json").write_text(text)
    with pytest.raises(BadInput, match=r"damaged \(run\.json\); delete that folder"):
        Journal.resume(tmp_path, IDENTITY)


def test_garbage_in_a_process_keeps_what_is_whole_and_is_noted(tmp_path):
    journal = Journal.create(tmp_path, IDENTITY)
    journal.append(0, Frame("hello", {"protocol": 1}))
    with (journal.folder / "process-000.frames").open("ab") as file:
        file.write(b"garbage" * 20)
    assert [f.kind for f in journal.processes()[0]] == ["hello"]
    assert journal.torn == [0]


def test_a_file_that_is_no_process_is_one_line(tmp_path):
    journal = Journal.create(tmp_path, IDENTITY)
    (journal.folder / "process-one.frames").touch()
    with pytest.raises(BadInput, match="damaged"):
        journal.processes()
