"""`repro submit --dry-run` says what stays here, too, and why."""

import json

import pytest

from harness.record import private
from harness.record.store import read
from harness.terminal.withheld import NEVER, withheld
from tests.support.failed_runs import EMPTY, envelope_of
from tests.support.program import Program, signed, written
from tests.support.registry_world import world


@pytest.fixture
def repro(capfd):
    return Program(capfd)


def test_a_dry_run_lists_what_is_withheld_and_why(repro, tmp_path):
    place = signed(tmp_path / "one")
    (place / "record.label.txt").write_text("my laptop")
    (place / "report.html").write_text("<!doctype html>")
    told = json.loads(repro("submit", place, "--dry-run").out)["withheld"]
    assert {one["what"]: one["why"] for one in told["never"]} == dict(NEVER)
    assert [one["what"] for one in told["files"]] == ["record.label.txt", "report.html"]
    assert all(one["why"] for part in told.values() for one in part)


def test_a_failed_run_s_dry_run_does_so_too(repro, tmp_path):
    place = written(tmp_path / "failed", envelope_of(world(str(tmp_path / "r")), "ann"), EMPTY)
    told = json.loads(repro("submit", place, "--dry-run").out)["withheld"]
    assert {one["what"] for one in told["never"]} == {what for what, _ in NEVER}


def test_what_a_record_masks_and_does_not_know_is_named(tmp_path):
    place = signed(tmp_path / "one")
    (place / private.FILE).write_text("{}")
    record = read(place).record
    runtime = record.runtime.model_copy(
        update={
            "options": {"url": "http://another-machine", "threads": 2},
            "variables": {"CUDA_X": "set, not recorded"},
        }
    )
    environment = {"cpu": {"boost": {"value": None, "reason": "no such file"}, "cores": {"value": 2}}}
    told = withheld(place, record.model_copy(update={"runtime": runtime, "environment": environment}), 3)
    assert [one["what"] for one in told["masked"]] == ["runtime.options.url", "runtime.variables.CUDA_X"]
    assert told["unknown"] == [{"what": "environment.cpu.boost", "why": "not known: no such file"}]
    assert "its 3 digests" in told["files"][0]["why"]
    assert "needs none" in withheld(place, record)["files"][0]["why"]


def test_the_masks_are_those_that_a_record_is_made_with():
    from harness.run.conclude import head
    from harness.terminal.withheld import _MASKED

    assert head.public_value("http://10.1.2.3:8000") in _MASKED
    assert head._shown("GGML_X", "a path/with words") in _MASKED
    assert head.public_value("GPU-4f1c2a8e-0000-1111-2222-333344445555") in _MASKED
