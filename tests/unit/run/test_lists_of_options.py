"""Lists in `-o`: where a comma divides, where it belongs to the value, and what is refused before anything runs."""

import pytest

from harness.errors import BadInput
from harness.run.prepare.lists import lists_of
from runtimes.interface import Option
from runtimes.llama_cpp import LlamaCpp
from runtimes.openai_http import OpenAIHTTP

LLAMA = LlamaCpp.options


def lists(*settings, declared=LLAMA, runtime="llama.cpp"):
    return lists_of(settings, declared, runtime)


def test_numbers_choices_and_truth_values_are_divided():
    found = lists("threads=1,2,4", "flash_attn=on,off", "swa_full=true,false", "batch=512")
    assert found.swept == ("threads", "flash_attn", "swa_full")
    cells = found.cells()
    assert len(cells) == 12
    assert cells[0] == {"threads": "1", "flash_attn": "on", "swa_full": "true", "batch": "512"}
    assert cells[1]["swa_full"] == "false"


def test_blanks_around_a_comma_are_no_part_of_a_value():
    found = lists("threads= 1, 2 ,4-5", "flash_attn=on, off", "tensor_split=3, 1")
    assert [one.values for one in found.options] == [("1", "2", "4", "5"), ("on", "off"), ("3, 1",)]


@pytest.mark.parametrize("setting", ["tensor_split=3,1", "devices=CUDA0,CUDA1"])
def test_a_comma_in_free_text_belongs_to_the_value(setting):
    found = lists(setting)
    assert not found.swept
    assert found.first == (setting,)


def test_an_option_that_is_given_several_times_is_swept_whatever_its_kind():
    found = lists("tensor_split=3,1", "tensor_split=1,1", "threads=1", "threads=2,4")
    assert found.swept == ("tensor_split", "threads")
    assert [cell["tensor_split"] for cell in found.cells()] == ["3,1"] * 3 + ["1,1"] * 3


def test_a_choice_that_holds_a_comma_is_never_divided():
    declared = {"mode": Option("", str, choices=("a,b", "a", "b"))}
    assert not lists("mode=a,b", declared=declared).swept


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1-4", ("1", "2", "3", "4")),
        ("2-8+3", ("2", "5", "8")),
        ("1-16*2", ("1", "2", "4", "8", "16")),
        ("1,4-5", ("1", "4", "5")),
        ("4-4", ("4",)),
    ],
)
def test_ranges_are_as_llama_bench_writes_them(text, values):
    assert lists(f"threads={text}").options[0].values == values


def test_a_minus_sign_is_no_range():
    assert lists("gpu_layers=-1,0").options[0].values == ("-1", "0")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (("threads=1,2,x",), "'x' is not a whole number"),
        (("threads=1,,2",), "'' is not a whole number"),
        (("threads=1,2,1",), "1 is given twice"),
        (("threads=2", "threads=02"), "is given twice"),
        (("swa_full=on,true",), "is given twice"),
        (("flash_attn=on,of",), "'of' is not offered"),
        (("flash=on,off",), "did you mean flash_attn"),
        (("threads",), "is not NAME=VALUE"),
        (("threads=4-1",), "is not a range"),
        (("threads=0-8*2",), "is not a range"),
        (("threads=1-8*1",), "is not a range"),
        (("threads=1-1000000",), "1,000,000 combinations"),
        (("threads=1-100", "batch=1-100", "ubatch=1-100"), "1,000,000 combinations"),
        (("threads=1-17", "batch=1-16"), "272 combinations"),
    ],
)
def test_what_can_not_be_swept_is_refused_in_one_line(settings, said):
    with pytest.raises(BadInput) as refused:
        lists(*settings)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_secret_is_never_swept():
    with pytest.raises(BadInput, match="secret"):
        lists("api_key_env=A", "api_key_env=B", declared=OpenAIHTTP.options, runtime="openai-http")
