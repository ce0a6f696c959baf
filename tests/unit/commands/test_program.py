"""What the program prints round its results: help, tables in a pipe, lists of runs, labels, completion."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from datetime import datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.cli import COMMANDS
from harness.measure.distribution import shown_range
from harness.record import store
from tests.support.program import REAL, Program, edited, faster, signed

GROUPS = [
    ("agent",),
    ("device",),
    ("fleet",),
    (),
    ("registry",),
    ("keys",),
    ("matrix",),
    ("model",),
    ("operator",),
    ("request",),
    ("review",),
    ("row-report",),
    ("runtime",),
    ("site",),
    ("suite",),
]
LONG = "a-model-with-a-name-that-is-much-longer-than-any-terminal-is-wide-" * 3 + "end"


@pytest.fixture
def repro(capfd, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    return Program(capfd)


@pytest.mark.parametrize("group", [group for group in GROUPS if group != ("review",)], ids=" ".join)
def test_a_group_without_a_command_prints_its_help_line_by_line(repro, group):
    done = repro(*group)
    asked = repro(*group, "--help")
    assert done.code == 2
    assert done.out == ""
    assert done.err == asked.out
    assert len(done.err.splitlines()) > 6
    assert "repro: " not in done.err


def test_every_group_of_commands_is_in_the_list_above():
    import click

    from harness.cli import cli

    context = click.Context(cli)
    found = {(name,) for name in COMMANDS if isinstance(cli.get_command(context, name), click.Group)}
    assert found == set(GROUPS) - {()}


# A pipe gets whole values


@pytest.fixture
def long_one(tmp_path):
    return signed(tmp_path / "results" / "long", setup=replace(REAL, model=LONG, sku=LONG))


def test_a_pipe_gets_whole_names_and_ids(repro, long_one):
    identity = store.read(long_one).id
    for arguments in (("runs", long_one.parent), ("score", long_one), ("compare", long_one, long_one, long_one)):
        assert "…" not in repro(*arguments).out, arguments
    listed = repro("runs", long_one.parent).out
    assert LONG in listed
    assert identity in listed
    assert identity in repro("score", long_one).out
    assert LONG in repro("compare", long_one, long_one, long_one).out
    assert LONG in repro("show", long_one).out
    assert identity in repro("show", long_one).out
    assert identity in repro("recompute", long_one).out


def test_colours_in_a_pipe_do_not_cut_it(repro, long_one, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    listed = repro("runs", long_one.parent).out
    assert "\x1b[" in listed
    assert LONG in listed
    assert store.read(long_one).id in listed


def test_a_width_that_was_asked_for_holds_in_a_pipe_too(repro, long_one, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    assert max(map(len, repro("runs", long_one.parent).out.splitlines())) <= 60


def test_a_line_on_standard_error_is_whole_in_a_pipe(repro, tmp_path):
    folder = signed(tmp_path / "results" / LONG[:120])
    edited(folder, faster)
    lines = repro("export", folder).err.splitlines()
    assert len(lines) == 1
    assert LONG[:120] in lines[0]


# Local runs and labels


def test_runs_are_listed_newest_first_with_what_a_reader_asks_for(repro, tmp_path):
    for year, handle in ((2024, "ann"), (2026, "bob"), (2025, "cid")):
        signed(tmp_path / "results" / str(year), handle, replace(REAL, started=datetime(year, 1, 2)))
    (tmp_path / "results" / "broken").mkdir()
    (tmp_path / "results" / "broken" / "record.json").write_bytes(b"{")
    assert repro("label", tmp_path / "results" / "2025", "before [bold]the update").code == 0
    done = repro("runs", tmp_path / "results")
    assert done.code == 0
    assert [line[:4] for line in done.out.splitlines()[1:]] == ["2026", "2025", "2024"]
    for words in ("synthetic-1b Q4_K_M", "llama.cpp", "Synthetic", "before [bold]the update", " to "):
        assert words in done.out, words
    assert "broken" in done.err
    found = json.loads(repro("runs", tmp_path / "results", "--json").out)
    assert [one["started_utc"][:4] for one in found] == ["2026", "2025", "2024"]
    assert found[1]["label"] == "before [bold]the update"
    assert found[0]["decode_rate"]["low"] < found[0]["decode_rate"]["point"] < found[0]["decode_rate"]["high"]


def test_no_runs_are_no_error_and_a_missing_folder_is_one(repro, tmp_path):
    assert json.loads(repro("runs", tmp_path, "--json").out) == []
    assert repro("runs", tmp_path).code == 0
    assert "no such folder" in repro("runs", tmp_path / "nowhere").refusal
    assert "no such folder" in repro("runs", "x" * 400).refusal


def test_a_label_is_shown_wherever_the_record_is_and_never_leaves(repro, tmp_path):
    place = signed(tmp_path / "results" / "one")
    before = {path.name: path.read_bytes() for path in place.iterdir()}
    assert repro("label", place, "my laptop").code == 0
    assert repro("label", place).out == "my laptop\n"
    for arguments in (("show", place), ("compare", place, place), ("runs", place.parent)):
        assert "my laptop" in repro(*arguments).out, arguments
    assert {name: (place / name).read_bytes() for name in before} == before
    assert "my laptop" not in repro("submit", place, "--dry-run").out
    assert repro("label", place, "--remove").code == 0
    assert repro("label", place).out == "\n"
    assert {path.name for path in place.iterdir()} == set(before)


@pytest.mark.parametrize("text", ["", "  ", "two\nlines", "x" * 101, "\x1b[8m", "\u202e"])
def test_a_label_must_be_a_short_line(repro, tmp_path, text):
    assert repro("label", signed(tmp_path / "one"), text).refusal
    assert repro("label", tmp_path / "one").out == "\n"


def test_a_label_s_file_that_somebody_else_wrote_does_not_act(repro, tmp_path):
    place = signed(tmp_path / "results" / "one")
    (place / "record.label.txt").write_bytes(b"\x1b]52;c;eA==\x07" + b"x" * 300 + b"\xff")
    shown = repro("label", place).out
    assert "\x1b" not in shown
    assert len(shown) <= 101
    (place / "record.label.txt").unlink()
    os.mkfifo(place / "record.label.txt")
    assert repro("runs", place.parent).code == 0


# Completion


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_completion(shell):
    program = "import sys; sys.argv[0] = 'repro'; from harness.cli import main; main()"
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                          env=os.environ | {"_REPRO_COMPLETE": f"{shell}_source"})  # fmt: skip
    assert told.returncode == 0, told.stderr
    assert "_REPRO_COMPLETE" in told.stdout
    asked = {"_REPRO_COMPLETE": f"{shell}_complete", "COMP_WORDS": "repro comp", "COMP_CWORD": "1"}
    if shell == "fish":
        asked["COMP_CWORD"] = "comp"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=os.environ | asked)
    assert "compare" in done.stdout


# Histograms


def test_one_gap_in_forty_a_hundred_times_as_long_does_not_ruin_the_picture():
    draw = np.random.default_rng(1)
    values = draw.normal(10, 0.3, 4000)
    outliers = values.copy()
    outliers[::40] = 1000
    low, high = shown_range(outliers)
    assert 8 < low < 10 < high < 12
    counts, _ = np.histogram(outliers, bins=12, range=(low, high))
    assert (counts > 40).sum() >= 8


def test_a_second_group_of_one_in_ten_is_still_in_the_picture():
    values = np.array([1.0] * 900 + [30.0] * 100)
    assert shown_range(values) == (1.0, 30.0)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=200))
def test_a_picture_shows_at_least_nine_values_in_ten(values):
    sample = np.array(values)
    low, high = shown_range(sample)
    assert low <= high
    assert ((sample >= low - 1e-9) & (sample <= high + 1e-9)).mean() >= 0.9 - 2 / len(values)


def test_what_lies_outside_a_histogram_is_counted(tmp_path):
    from harness.terminal.histogram import histogram

    one = store.read(signed(tmp_path / "one", setup=replace(REAL, trials=20)))
    lines = histogram(one, "decode-16")
    total = int(lines[-1].split()[0])
    inside = sum(int(line.split()[-1]) for line in lines[:-1])
    below, above = (int(lines[-1].split(f" {word}")[0].split()[-1]) for word in ("shorter", "longer"))
    assert total == inside + below + above == 5 * 20 * 15
