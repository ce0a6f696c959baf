"""What `repro bench` says at its end, and what a question without a terminal ends with."""

import subprocess
import sys
from pathlib import Path

import pytest

from harness.terminal.publish import commands

FOLDER = Path("results/a run")


def test_a_newcomer_is_told_all_three_commands_with_the_record_s_place():
    assert commands(FOLDER, keys=False, signed=False, target=None) == [
        "repro keys new --handle NAME",
        "repro sign 'results/a run'",
        "repro submit 'results/a run' --registry PLACE",
    ]


def test_what_is_done_is_not_asked_for_again():
    assert [line.split()[1] for line in commands(FOLDER, keys=True, signed=False, target=None)] == ["sign", "submit"]
    assert commands(FOLDER, keys=True, signed=True, target="registries/my registry") == [
        "repro submit 'results/a run' --registry 'registries/my registry'"
    ]


@pytest.mark.parametrize("ask", ["click.confirm('Sure?')", "click.prompt('Which?')"])
def test_a_question_without_a_terminal_names_the_way_out(ask):
    program = f"""
import click
from harness import cli
cli.LazyGroup.get_command = lambda self, ctx, name: click.Command('show', callback=lambda: {ask})
cli.main(['show'])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2, done.stderr
    assert "repro: no terminal to ask at; use --yes" in done.stderr
