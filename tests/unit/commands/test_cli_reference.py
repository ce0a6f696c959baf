"""docs/cli.md is what `--help` says."""

import pytest

from tests.support import command_help


def test_the_reference_is_what_help_says():
    assert command_help.PAGE.read_text() == command_help.page(), "run: make cli-docs"


@pytest.mark.parametrize("name", ["COLUMNS", "REPRO_REGISTRY"])
def test_the_reference_does_not_depend_on_the_terminal_or_the_user(monkeypatch, name):
    before = command_help.page()
    monkeypatch.setenv(name, "40")
    assert command_help.page() == before


def test_the_reference_has_a_heading_for_every_command_and_subcommand():
    headings = [line.lstrip("# ") for line in command_help.page().splitlines() if line.startswith("#")]
    for context in command_help.every():
        assert headings.count(context.command_path) == 1, context.command_path
    assert "repro matrix run" in headings
    assert "repro registry cosign" in headings
