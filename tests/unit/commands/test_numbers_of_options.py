"""An option that is a number takes numbers alone: Python reads nan and inf as such, and nan lies within any limits."""

import click
import pytest
from click.testing import CliRunner

from harness.errors import BadInput
from tests.support.command_help import every

NUMBERS = [
    (context, option)
    for context in every()
    for option in context.command.params
    if isinstance(option.type, click.types.FloatParamType)
]


@pytest.mark.parametrize("written", ["nan", "inf", "-inf", "NaN"])
@pytest.mark.parametrize(("context", "option"), NUMBERS, ids=[f"{c.command_path} {o.opts[0]}" for c, o in NUMBERS])
def test_what_is_no_finite_number_is_refused(context, option, written):
    needed = ["x" for one in context.command.params if isinstance(one, click.Argument) and one.required]
    found = CliRunner().invoke(context.command, [*needed, f"{option.opts[0]}={written}"])
    refused = found.exit_code == 2 or isinstance(found.exception, BadInput)
    assert refused, found.output + repr(found.exception)
    assert option.opts[0] in (found.output + str(found.exception))


def test_a_mix_has_a_weight_that_is_a_number():
    tune = next(one.command for one in every() if one.command_path == "repro tune")
    found = CliRunner().invoke(tune, ["--for", "mix", "--weight", "nan", "-o", "threads=1,2"])
    assert found.exit_code == 2
    assert "'nan' is not a number" in found.output
