"""The operator's settings."""

import pytest

from harness.errors import BadInput
from harness.run.options import fill, parse
from runtimes.llama_cpp import LlamaCpp

DECLARED = LlamaCpp.options


def test_values_get_their_types():
    given = parse(["threads=4", "repack=off", "type_k=q8_0", "gpu_layers=-1"], DECLARED, "llama.cpp")
    assert given == {"threads": 4, "repack": False, "type_k": "q8_0", "gpu_layers": -1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("thread=4", "did you mean threads"),
        ("threads", "is not NAME=VALUE"),
        ("threads=many", "is not a whole number"),
        ("threads=0", "is below 1"),
        ("repack=maybe", "neither true nor false"),
        ("type_k=q3_k", "take one of f32"),
    ],
)
def test_a_bad_setting_gets_one_line_with_the_way_out(text, words):
    with pytest.raises(BadInput, match=words) as caught:
        parse([text], DECLARED, "llama.cpp")
    assert "\n" not in str(caught.value)


def test_defaults_are_filled_and_given_ones_win():
    filled = fill({"threads": 1}, DECLARED, cores=8, required_context=2064)
    assert filled["threads"] == 1
    assert filled["context"] == 2304
    assert filled["batch"] == 2048
    assert "gpu_layers" not in filled


def test_a_context_too_small_for_the_suite_is_refused():
    with pytest.raises(BadInput, match="too few: the suite needs 2064"):
        fill({"context": 512}, DECLARED, cores=2, required_context=2064)
