"""A service that is slow, endless, coded or garbled: whoever asks it has one line, soon, and keeps nothing of it."""

from __future__ import annotations

import gzip
import json
import time

import pytest

from harness.errors import RecordInvalid, ReproError, Unavailable
from harness.registry.exchange import public
from harness.registry.remote import client as http
from harness.registry.remote.client import Client
from harness.registry.remote.mirror import mirrored
from harness.registry.remote.registry import opened
from harness.tlog.checkpoint import vkey
from harness.tlog.stretches import Stretches
from tests.support.hostile_service import answer, hostile, told
from tests.support.registry_world import key

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def _drip(data, before=b""):
    def behave(connection, _path, _head):
        connection.sendall(before)
        while True:
            connection.sendall(data)
            time.sleep(0.01)

    return behave


SLOW = {
    "a head by bytes": _drip(b"X", HEAD + b"X-Never: "),
    "headers without end": _drip(b"A: b\r\n", HEAD),
    "interim answers without end": _drip(b"HTTP/1.1 103 Early Hints\r\n\r\n"),
    "a body by bytes": _drip(b" ", HEAD + b"Content-Length: 1000000\r\n\r\n"),
    "chunks without end": _drip(b"1\r\n \r\n", HEAD + b"Transfer-Encoding: chunked\r\n\r\n"),
    "nothing": lambda *_: time.sleep(30),
}


@pytest.fixture
def soon(monkeypatch):
    monkeypatch.setattr(http, "_WHOLE_S", 0.3)
    monkeypatch.setattr(http, "_FILE_S", 0.3)
    monkeypatch.setattr(http, "TRIES", 1)


def test_an_upload_has_the_time_of_a_file(monkeypatch):
    def late(connection, _path, _head):
        time.sleep(0.5)
        connection.sendall(told({"status": "new"}))

    monkeypatch.setattr(http, "_WHOLE_S", 0.1)
    monkeypatch.setattr(http, "TRIES", 1)
    with hostile(late) as url:
        client = Client(url)
        assert client.post("/v1/events", {"event": b"x"}) == {"status": "new"}
        client.close()


@pytest.mark.parametrize("name", SLOW)
def test_who_drips_is_left_when_the_time_is_over(name, soon):
    with hostile(SLOW[name]) as url:
        client, began = Client(url), time.monotonic()
        with pytest.raises(Unavailable, match="can't be reached"):
            client.get("/v1/jobs")
        with pytest.raises(Unavailable, match="can't be reached"):
            client.fetch("/registry.json", 1 << 20)
        assert time.monotonic() - began < 10
        client.close()


GARBLED = {
    "a bomb": answer(gzip.compress(gzip.compress(b" " * (64 << 20))), Content_Encoding="gzip, gzip"),
    "coded without being so": answer(b"{}", Content_Encoding="zstd"),
    "no JSON": answer(b"<html>"),
    "a list": told([]),
    "JSON in UTF-16": answer("{}".encode("utf-16")),
    "no number": answer(b'{"size": NaN}'),
    "infinity": answer(b'{"size": 1e999}'),
    "a whole number of 400 digits": answer(b'{"size": 1' + b"0" * 400 + b"}"),
    "half a character": answer(b'{"origin": "\\ud800"}'),
    "10,000 deep": answer(b'{"a":' * 10_000 + b"1" + b"}" * 10_000),
    "another place": answer(b"{}", "302 Found", Location="http://127.0.0.1:1/"),
    "no code": answer(b'{"title": "no"}', "400 Bad Request"),
}


@pytest.mark.parametrize("name", GARBLED)
def test_what_no_registry_answers_is_one_line(name, soon):
    with hostile(lambda connection, *_: connection.sendall(GARBLED[name])) as url:
        client = Client(url)
        with pytest.raises(RecordInvalid, match="must be the service of a registry") as caught:
            client.get("/v1/registry")
        assert "\n" not in str(caught.value)
        client.close()


def test_an_answer_that_is_too_long_is_left_in_the_middle(soon):
    sent = []

    def endless(connection, _path, _head):
        connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
        while True:
            connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
            sent.append(65536)

    with hostile(endless) as url:
        client = Client(url)
        with pytest.raises(ReproError):
            client.post_signed("/v1/challenges", key("ann"))
        client.close()
    assert sum(sent) < 64 << 20


def test_no_cookie_is_kept(soon):
    heads = []

    def behave(connection, _path, head):
        heads.append(head)
        connection.sendall(answer(b"{}", Set_Cookie="track=me; Path=/"))

    with hostile(behave) as url:
        client = Client(url)
        client.get("/v1/jobs")
        client.get("/v1/jobs")
        client.close()
    assert len(heads) == 2
    assert not any(b"cookie" in head.lower() for head in heads)
    assert all(b"accept-encoding: identity\r\n" in head.lower() for head in heads)


@pytest.mark.parametrize("nonce", ["", "ü", 'x" evil="1', "x\r\nX-Evil: 1", "9" * 1000, None, {"a": 1}])
def test_a_number_that_is_none_signs_nothing(nonce, soon):
    asked = []

    def behave(connection, path, _head):
        asked.append(path)
        connection.sendall(told({"nonce": nonce}))

    with hostile(behave) as url:
        client = Client(url)
        with pytest.raises(RecordInvalid, match="it gives no number for a signed request"):
            client.post_signed("/v1/challenges", key("ann"))
        client.close()
    assert asked == ["/v1/nonce"]


ABOUT = {"vkey": "", "size": 1, "signed": 0, "root": "ab" * 32, "checkpoint": "", "demonstration": False}


@pytest.mark.parametrize(
    "change",
    [
        {"size": -1}, {"size": True}, {"size": 1.5}, {"size": "1"}, {"size": None}, {"signed": -5}, {"root": "ab"}, {"root": 7},
        {"root": "AB" * 32}, {"vkey": vkey("é.example/b", key("registry").public_key())}, {"vkey": "x"}, {"vkey": None},
    ],
    ids=str,
)  # fmt: skip
def test_a_registry_of_impossible_counts_is_refused(change, soon, tmp_path):
    about = {**ABOUT, "vkey": vkey("a.example/b", key("registry").public_key()), **change}
    with hostile(lambda connection, *_: connection.sendall(told(about))) as url, pytest.raises(ReproError) as caught:
        opened(url, lambda _operator: None, lambda: tmp_path)
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


MARK = {
    "format": 2, "origin": "a.example/b", "vkey": "x", "size": 5, "root": "ab" * 32, "checkpoint": None, "withheld": [], "cosigned": {},
}  # fmt: skip


@pytest.mark.parametrize(
    "change",
    [
        {"size": 2**53}, {"size": public.MOST_ENTRIES + 1}, {"size": -1}, {"size": 1.0}, {"withheld": [[0, 2**53]]},
        {"withheld": [[3, 2]]}, {"withheld": [[0, 5]]}, {"withheld": [[0]]}, {"withheld": "00"}, {"origin": "\ud800"}, {"root": "xy"},
        {"cosigned": {"w": 2**60}},
    ],
    ids=str,
)  # fmt: skip
def test_a_mark_that_no_registry_writes_is_one_line(change):
    with pytest.raises(RecordInvalid, match="does not describe a public export") as caught:
        public.parsed(json.dumps({**MARK, **change}).encode(), "registry.json")
    assert "\n" not in str(caught.value)


def test_a_few_words_that_withhold_all_of_a_long_log_cost_no_room():
    size = public.MOST_ENTRIES
    told = {**MARK, "size": size, "withheld": [[0, size - 1]] * 1000 + [[7, 7]]}
    found = public.parsed(json.dumps(told).encode(), "registry.json").withheld
    assert (len(found), 0 in found, size - 1 in found, size in found, -1 in found) == (size, True, True, False, False)


def test_stretches_hold_what_their_pairs_name():
    found = Stretches([(5, 7), (0, 1), (6, 9), (2, 2), (20, 20)])
    assert list(found) == [0, 1, 2, 5, 6, 7, 8, 9, 20]
    assert [one in found for one in (-1, 0, 2, 3, 4, 9, 10, 20, 21, "5", None)] == [
        False, True, True, False, False, True, False, True, False, False, False,
    ]  # fmt: skip
    assert not Stretches([])


def test_garbage_in_the_place_of_a_log_is_not_kept(tmp_path, monkeypatch, soon):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    told = {**MARK, "size": public.MOST_ENTRIES, "vkey": vkey("a.example/b", key("registry").public_key())}

    def behave(connection, path, _head):
        connection.sendall(answer(json.dumps(told).encode()) if path == "/registry.json" else answer(b"\0\2xx" * 256))

    with hostile(behave) as url, pytest.raises(ReproError) as caught:
        mirrored(url)
    assert "\n" not in str(caught.value)
    assert not [
        path for path in tmp_path.rglob("*") if path.is_file() and path.stat().st_size > 0 and path.name != "lock"
    ]
