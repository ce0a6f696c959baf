"""Every file that a user can name: its kind and size come first. One line, status 2, and nothing waits."""

import os
import socket
from pathlib import Path

import pytest

from harness.record import store
from tests.support.program import Program, signed

LARGE = 5 << 30


@pytest.fixture
def repro(capfd, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Program(capfd)


def endless(path):
    path.symlink_to("/dev/zero")


def pipe(path):
    os.mkfifo(path)


def folder(path):
    path.mkdir()


def sparse(path):
    with path.open("wb") as file:
        file.truncate(LARGE)


def listening(path):
    here = Path.cwd()
    os.chdir(path.parent)  # a socket's name must be short
    try:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(path.name)
    finally:
        os.chdir(here)


KINDS = {"endless": (endless, "this is a device"), "pipe": (pipe, "this is a pipe"), "socket": (listening, "this is a socket"),
         "sparse": (sparse, "is larger than"), "folder": (folder, "")}  # fmt: skip
COMMANDS = [
    ("show", "FILE"), ("show", "FILE", "--json"), ("compare", "FILE", "GOOD"), ("agree", "GOOD", "FILE"),
    ("export", "FILE"), ("recompute", "FILE"), ("verify", "FILE"), ("verify", "GOOD", "--keys", "FILE"),
    ("score", "FILE"), ("score", "GOOD", "FILE"), ("submit", "FILE", "--registry", "nowhere"), ("label", "FILE", "x"),
    ("bench", "--suite", "FILE.toml"), ("matrix", "run", "FILE"), ("bench", "--against", "FILE"),
    ("suite", "show", "FILE.toml"), ("import", "FILE"), ("registry", "cosign", "FILE"),
]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_what_is_no_file_of_a_sane_size_is_refused_in_one_line(repro, tmp_path, kind, command):
    make, words = KINDS[kind]
    names = {"FILE": tmp_path / "x", "FILE.toml": tmp_path / "x.toml", "GOOD": tmp_path / "good"}
    make(tmp_path / "x.toml" if "FILE.toml" in command else tmp_path / "x")
    signed(tmp_path / "good")
    assert words in repro(*(names.get(word, word) for word in command)).refusal


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", [store.RECORD_FILE, store.ENVELOPE_FILE, store.SAMPLES_FILE])
@pytest.mark.parametrize("command", ["verify", "compare", "submit"])
def test_a_record_s_own_files_must_be_files(repro, tmp_path, kind, name, command):
    make, words = KINDS[kind]
    place = signed(tmp_path / "good")
    (place / name).unlink()
    make(place / name)
    more = {"compare": (place,), "submit": ("--registry", "nowhere"), "verify": ()}[command]
    assert words in repro(command, place, *more).refusal


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["operator.json", "operator.pem", "rig.pem"])
def test_keys_must_be_files(repro, tmp_path, kind, name):
    make, words = KINDS[kind]
    assert repro("keys", "new", "--handle", "ann").code == 0
    place = tmp_path / "config" / "repro-harness" / "keys" / name
    place.unlink()
    make(place)
    assert words in repro("keys", "rotate").refusal


def test_a_table_of_a_matrix_is_not_added_to_a_pipe(repro, tmp_path):
    pipe(tmp_path / "page")
    matrix = tmp_path / "matrix.toml"
    matrix.write_text('name = "one"\n[[triples]]\nmodel = "x.gguf"\nruntime = "simulated"\nsuite = "quick"\n')
    assert "must be a regular file" in repro("matrix", "run", matrix, "--summary", tmp_path / "page").refusal
