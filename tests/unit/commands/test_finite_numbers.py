"""No option takes a number that is none."""

import click
import pytest

from harness.terminal.finite_range import FiniteRange
from tests.support import command_help
from tests.support.program import Program


@pytest.mark.parametrize("context", [pytest.param(one, id=one.command_path) for one in command_help.every()])
def test_a_range_of_numbers_is_one_of_finite_numbers(context):
    for option in context.command.params:
        assert isinstance(option.type, FiniteRange) or not isinstance(option.type, click.FloatRange), option.name


@pytest.mark.parametrize("number", ["nan", "NaN", "inf", "-inf"])
@pytest.mark.parametrize(
    "command",
    [("forecast", "x.gguf", "--device", "M2"), ("fit", "x.gguf", "--device", "M2"), ("device", "show", "M2")],
    ids=" ".join,
)
def test_a_memory_that_is_no_number_is_refused_in_one_line(capfd, command, number):
    done = Program(capfd)(*command, "--memory", number)
    assert done.code == 2
    assert f"{number.lower()} is not in the range" in done.err.lower()
    assert len(done.err.strip().splitlines()) == 1
