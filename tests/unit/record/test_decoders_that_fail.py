"""A decoding child that dies, hangs, lies or garbles is its own file's matter: every other file is answered, by its own answer."""

import sys
from hashlib import sha256
from pathlib import Path

import pytest

from harness.errors import RecordInvalid
from harness.record import decode_process
from tests.support import bad_decoder
from tests.support import parquet_bombs as bombs

GARBLED = [
    "half", "another-name", "huge", "no-json", "deep", "more", "another-type", "another-column", "negative", "edges",
]  # fmt: skip


@pytest.fixture(autouse=True)
def misbehaving(monkeypatch):
    decode_process.stop()
    monkeypatch.setattr(decode_process, "SERVER", [sys.executable, str(Path(bad_decoder.__file__))])
    monkeypatch.setenv("PYTHONPATH", str(Path(bad_decoder.__file__).parents[2]))
    yield
    decode_process.stop()


def file(word):
    """A file that a bad decoder takes for an order."""
    return word + b" " + bytes(16)


def answered(word):
    """Whether its own answer came."""
    data = file(word)
    return decode_process.columns(data, "here")["workload"] == [sha256(data).hexdigest()]


def refused(word, words):
    with pytest.raises(RecordInvalid, match=words) as caught:
        decode_process.columns(file(word), "here")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("way", ["abort", *GARBLED])
def test_what_is_no_answer_refuses_its_own_file_and_the_next_is_read(way):
    assert answered(b"one")
    refused(way.encode(), "it makes the decoder fail")
    assert answered(b"another")


def test_a_server_that_was_begun_early_reads_the_first_file():
    decode_process.begin()
    decode_process.begin()
    (server,) = decode_process._held
    assert answered(b"one")
    assert decode_process._held == [server]


def test_an_answer_that_lies_ready_is_never_taken_for_the_next_files():
    assert answered(b"twice")
    assert answered(b"next")
    assert answered(b"and one more")


def test_a_child_that_hangs_is_ended_and_the_next_file_is_read(monkeypatch):
    assert answered(b"one")
    server = decode_process._held[0].process
    monkeypatch.setattr(decode_process, "SECONDS_LIMIT", 0.3)
    refused(b"hang", "takes longer than 0 s to decode")
    monkeypatch.undo()
    assert server.poll() is not None
    assert Path(f"/proc/{server.pid}").exists() is False


def test_a_refusal_by_a_child_that_read_other_files_is_asked_again_of_a_new_one():
    assert answered(b"poison")
    assert answered(b"honest")


def test_a_refusals_text_stays_on_its_line():
    refused(b"lone-surrogate", "can't be read as Parquet")


def test_a_child_reads_so_many_files_and_no_more(monkeypatch):
    monkeypatch.setattr(decode_process, "_MOST", 2)
    children = []
    for name in (b"a", b"b", b"c"):
        assert answered(name)
        children.append(id(decode_process._held[0].child.own))
    assert children[0] == children[1] != children[2]


def test_the_real_server_has_one_thread_and_one_child(monkeypatch):
    monkeypatch.undo()
    decode_process.stop()
    for _ in range(2):
        with pytest.raises(RecordInvalid, match="it makes the decoder fail"):
            decode_process.columns(bombs.aborting(), "here")
        assert len(decode_process.columns(bombs.written(), "here")["process"]) == 4
    server = Path(f"/proc/{decode_process._held[0].process.pid}")
    assert len(list(server.joinpath("task").iterdir())) == 1
    (child,) = server.joinpath("task", server.name, "children").read_text().split()
    sockets = [one for one in Path(f"/proc/{child}/fd").iterdir() if "socket" in str(one.readlink())]
    assert len(sockets) == 1, "a child holds its own socket and not the server's"
