"""What strangers write into a registry's log does not act on the terminal of whoever reads it."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.demo.records import Person, person, sealed
from harness.record import keys
from tests.support.program import REAL, Program, edited, resigned, written
from tests.support.pseudo_terminal import on_terminal, what_acts
from tests.unit.commands.test_text_that_acts import HOSTILE, MARK

TEXT = HOSTILE.replace("\x00", "")


@pytest.fixture
def people(tmp_path, monkeypatch, capfd):
    """A call is somebody's command: it succeeds, or the registry refuses the text in one line, which is as good."""
    program = Program(capfd)
    monkeypatch.setenv("REPRO_REGISTRY", str(tmp_path / "registry"))

    def call(who, *arguments):
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / who))
        done = program(*arguments)
        assert done.code == 0 or done.refusal.isprintable()
        return done.out

    call("ed", "keys", "new", "--role", "editor", "--handle", "ed")
    call("ed", "registry", "new", "--origin", "test.example/registry")
    call("ann", "keys", "new", "--handle", "ann")
    return call


def hostile(predicate):
    predicate["runtime"]["packages"] = {"torch": TEXT, "p\x1b[8m": TEXT}
    predicate["runtime"]["settings"] = {"threads": TEXT}
    predicate["checks"][0]["text"] = TEXT
    predicate["checks"][1].update(status="fail", text=TEXT)
    predicate["findings"].append(
        {"code": "clock_drift", "severity": "warning", "workload": "", "metric": "", "text": TEXT, "evidence": {}}
    )


def of_ann(tmp_path: Path, name: str, change=lambda predicate: None, **setup) -> Path:
    signers = keys.unlock(tmp_path / "ann" / "repro-harness" / "keys", None)
    one = Person("ann", signers.operator, person("ann").following, signers.rig)
    place = edited(written(tmp_path / name, *sealed(one, replace(REAL, **setup))), change)
    return resigned(place, one)


def test_no_text_of_an_event_or_of_a_submitted_record_acts_or_hides(people, tmp_path):
    row = people("ann", "submit", of_ann(tmp_path, "one", hostile)).split()[0]
    second = people("ann", "submit", of_ann(tmp_path, "two", sku="Another GPU", seed=3)).split()[0]
    people("ann", "withdraw", second[:12], "--reason", TEXT)
    people("ed", "review", "reject", row[:12], "--reason", TEXT)
    people("ann", "request", "new", "--model", TEXT, "--hardware", TEXT, "--runtime", TEXT, "--reason", TEXT)
    third = people("ann", "submit", of_ann(tmp_path, "three", hostile, seed=5)).split()[0]
    seen = 0
    for command in (
        ("registry", "log"), ("registry", "log", "--json"), ("review",), ("review", "--json"), ("review", "show", third[:12]),
        ("review", "show", third[:12], "--json"), ("score", "--all"), ("score", "--all", "--json"), ("explain", third[:12]),
        ("explain", third[:12], "--json"), ("operator", "list"), ("request", "list"), ("regressions",), ("audit",),
    ):  # fmt: skip
        _, told = on_terminal(*command)
        assert "Traceback" not in told, command
        assert what_acts(told) == [], command
        assert not any(line.strip().startswith("pass  forged") for line in told.splitlines()), command
        seen += MARK in told
    assert seen >= 1
