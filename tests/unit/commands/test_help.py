"""`repro --help` and the help of every command: grouped, one line a command, in words that a stranger understands."""

import re

import click
import pytest

from harness.cli import COMMANDS, GROUPS
from tests.support import command_help
from tests.support.program import Program


@pytest.fixture
def repro(capfd):
    return Program(capfd)


def test_help_lists_each_command_once_in_one_of_four_groups(repro):
    lines = repro("--help").out.splitlines()
    assert [line[:-1] for line in lines if line.endswith(":") and not line.startswith(" ")] == ["Options", *GROUPS]
    assert len(GROUPS) == 4
    for name, (_, text) in COMMANDS.items():
        assert [line.split(None, 1)[1] for line in lines if line.split()[:1] == [name]] == [text]
    below = lines[lines.index(f"{next(iter(GROUPS))}:") :]
    assert len([line for line in below if line.startswith("  ")]) == len(COMMANDS) == sum(map(len, GROUPS.values()))


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_a_command_begins_with_its_line_in_the_list(repro, name):
    asked = repro(name, "--help").out.splitlines()
    assert asked[2].strip() == COMMANDS[name][1]
    assert repro(name, "--help").out.splitlines() == asked


@pytest.mark.parametrize(
    ("arguments", "use"),
    [
        (("--matrix", "x.toml"), "repro matrix run FILE"),
        (("--matrix=x.toml", "--resume"), "repro matrix run FILE"),
        (("--summary", "x.md"), "repro matrix run FILE --summary"),
        (("--json", "--summary=x.md"), "repro matrix run FILE --summary"),
    ],
)
def test_bench_says_where_matrices_are_measured_now(repro, tmp_path, monkeypatch, arguments, use):
    monkeypatch.chdir(tmp_path)
    assert use in repro("bench", *arguments).refusal
    assert not list(tmp_path.glob("results"))


def test_an_option_that_never_was_gets_no_such_hint(repro):
    assert "Use:" not in repro("bench", "--matrices").refusal
    assert "Use:" not in repro("score", "--matrix", "x").refusal
    assert "Use:" not in repro("show", "--summary", "x").refusal


# Words: plain English, one line of help for each option

DIALECT = re.compile(
    r"\b(for programs|looks?|voices?|stands?|anew|goes on|is none|is no|take (that|it) back|triples?|beside which|"
    r"whose environment does|what there is to doubt|as for bench)\b",
    re.I,
)
COMMAND_CONTEXTS = [pytest.param(one, id=one.command_path) for one in command_help.every()]


@pytest.mark.parametrize("context", COMMAND_CONTEXTS)
def test_help_uses_no_words_of_the_house(context):
    assert not DIALECT.findall(context.command.get_help(context))


@pytest.mark.parametrize("context", COMMAND_CONTEXTS)
def test_every_option_says_in_a_sentence_what_it_does(context):
    for option in context.command.get_params(context):
        if isinstance(option, click.Option):
            assert option.help, option.name
            assert re.fullmatch(r"[A-Z].{8,}\.", option.help, re.S), (option.name, option.help)


@pytest.mark.parametrize("context", COMMAND_CONTEXTS)
def test_no_line_of_a_list_of_commands_is_cut_short(context):
    narrow = click.Context(context.command, info_name=context.info_name, parent=context.parent, max_content_width=80)
    narrow.terminal_width = 80
    assert not re.findall(r"^  .*\.\.\.$", context.command.get_help(narrow), re.M)


def test_json_is_offered_in_the_same_words_everywhere():
    told = {
        option.help
        for one in command_help.every()
        for option in one.command.params
        if isinstance(option, click.Option) and "--json" in option.opts
    }
    assert {text.partition(":")[0].rstrip(".") for text in told} == {"Print JSON"}
