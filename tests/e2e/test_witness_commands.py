"""Witnesses by command, with a real service and a real witness as processes: named by an editor, asked, audited by anybody."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.patience import PATIENCE_S
from tests.support.people import ORIGIN, hosted

ROOT = Path(__file__).parents[2]
NAME = "witness.example.org/w1"


@pytest.fixture
def people(tmp_path):
    return hosted(tmp_path)


class Running:
    """A command that serves until Ctrl-C; `lines`: what it printed up to its address."""

    def __init__(self, people, who, *arguments):
        program = "from harness.cli import main; main()"
        environment = {
            **os.environ,
            "XDG_CONFIG_HOME": str(people.folder / who),
            "REPRO_REGISTRY": str(people.registry),
        }
        self.process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )  # fmt: skip
        self.lines = []
        while line := self.process.stdout.readline():
            self.lines.append(line.strip())
            if line.startswith("http"):
                break
        assert self.lines, self.process.stderr.read()
        self.url = self.lines[-1].split()[0].rstrip("/")

    def end(self):
        self.process.send_signal(signal.SIGINT)
        assert self.process.wait(PATIENCE_S) == 130
        self.process.stdout.close()
        self.process.stderr.close()


def test_a_witness_signs_a_registry_s_checkpoints_and_an_audit_asks_for_it(people, tmp_path):
    service = Running(people, "ed", "serve", "--port", "0", "--private-witness", NAME)
    nameless = people("wes", "registry", "witness", service.url, "--port", "0")
    assert (nameless.returncode, "needs a name" in nameless.stderr) == (2, True)
    witness = Running(people, "wes", "registry", "witness", service.url, "--name", NAME, "--port", "0")
    assert witness.lines[0] == f"{NAME} signs for"
    assert witness.lines[1] == f"{ORIGIN}, nothing signed yet"
    (vkey,) = [line for line in witness.lines if line.startswith(f"{NAME}+")]
    twice = people("wes", "registry", "witness", service.url, "--port", "0")
    assert "runs already" in twice.stderr
    added = people.good("ed", "registry", "witnesses", "add", witness.url, "--key", vkey, "--reason", "of a friend")
    assert added == f"{NAME}: asked from entry 1 on\n"
    lacking = people("ann", "audit", people.registry, "--witness", vkey)
    assert lacking.returncode == 2
    assert "no checkpoint is signed by 1 of the 1 witnesses" in lacking.stderr
    people.good("ed", "registry", "checkpoint")
    ends = time.monotonic() + PATIENCE_S
    while "signed up to entry 1" not in (listed := people.good("ann", "registry", "witnesses", "list")):
        assert time.monotonic() < ends, listed
        time.sleep(0.2)
    people.good("ed", "registry", "export", tmp_path / "files")
    people.good("ed", "registry", "export", "--public", tmp_path / "public")
    for place in (people.registry, tmp_path / "files", tmp_path / "public", service.url):
        said = people.good("ann", "audit", place, "--witness", vkey)
        assert "witnesses signed up to entry 1, at 20" in said
        assert "everything holds" in said
    told = json.loads(people.good("ann", "audit", people.registry, "--witness", vkey, "--json"))
    assert (told["cosigned"]["size"], told["cosigned"]["names"]) == (2, [NAME])
    over = people.good("ann", "registry", "witnesses", "list", "--registry", service.url)
    assert over == people.good("ann", "registry", "witnesses", "list")
    other = people("ann", "audit", people.registry, "--witness", vkey[:-4] + "AAAA")
    assert (other.returncode, len(other.stderr.splitlines())) == (2, 1)
    witness.end()
    again = Running(people, "wes", "registry", "witness", service.url, "--port", "0")
    assert again.lines[1] == f"{ORIGIN}, signed up to entry 1"
    again.end()
    removed = people.good("ed", "registry", "witnesses", "remove", NAME, "--reason", "moved away")
    assert removed == f"{NAME}: not asked any more, entry 2\n"
    assert "not asked any more" in people.good("ann", "registry", "witnesses", "list")
    service.end()


def test_what_can_not_be_a_witness_is_one_line(people):
    key = "witness.example.org/w1+00000000+AAAA"
    for words in (
        ("registry", "witness", "--name", "a b", "--port", "0"),
        ("registry", "witness", "--name", "w", "--log", key, "--port", "0"),
        ("registry", "witness", "http://example.org", "--name", "w", "--port", "0"),
        ("registry", "witness", "http://127.0.0.1:1", "--name", "w", "--port", "0"),
        ("registry", "witnesses", "add", "https://w.example", "--key", key, "--reason", "x-y"),
        ("registry", "witnesses", "remove", "nobody", "--reason", "x-y"),
        ("audit", people.registry, "--witness", key),
        ("audit", people.registry, "--threshold", "1"),
    ):
        done = people("ed", *words)
        assert done.returncode == 2, words
        assert len(done.stderr.splitlines()) == 1, done.stderr
        assert "Traceback" not in done.stderr
