"""The operator's settings."""

import pytest

from harness.errors import BadInput
from harness.run.execute.launcher import Interpreter, environment
from harness.run.prepare.options import fill, keeps_prefix, parse, refuse_absurd, secrets
from runtimes.interface import Option
from runtimes.llama_cpp import LlamaCpp
from runtimes.llama_server import LlamaServer
from runtimes.simulated import Simulated
from runtimes.table import find

DECLARED = LlamaCpp.options


def test_values_get_their_types():
    given = parse(["threads=4", "repack=off", "type_k=q8_0", "gpu_layers=-1"], DECLARED, "llama.cpp")
    assert given == {"threads": 4, "repack": False, "type_k": "q8_0", "gpu_layers": -1}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("thread=4", "did you mean threads"),
        ("xyzzy=1", "it has "),
        ("model_draft=x.gguf", "speculative decoding is measured where it is declared: -o draft=lookup"),
        ("threads", "is not NAME=VALUE"),
        ("threads=many", "is not a whole number"),
        ("threads=1_0", "is not a whole number"),
        ("threads=\u0661", "is not a whole number"),
        ("threads=0", "is below 1"),
        ("threads=-3", "is below 1"),
        ("threads=513", "threads is too large: the limit is 512"),
        ("threads_batch=1000000000", "threads_batch is too large"),
        ("batch=1000000000", "batch is too large"),
        ("ubatch=4294967301", "ubatch is too large"),
        ("ubatch=0", "is below 1"),
        ("context=99999999999999999999", "context is too large"),
        ("gpu_layers=10000", "gpu_layers is too large"),
        ("gpu_layers=-2", "is below -1"),
        ("context=1e5", "is not a whole number"),
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


def test_a_context_that_a_server_has_already_is_not_rounded_up():
    assert fill({}, find("openai-http").options, cores=2, required_context=513)["context"] == 513
    assert fill({}, find("ollama").options, cores=2, required_context=513)["context"] == 768


def test_a_context_too_small_for_the_suite_is_refused():
    with pytest.raises(BadInput, match="too few: the suite needs 2064"):
        fill({"context": 512}, DECLARED, cores=2, required_context=2064)


def test_as_many_sequences_as_the_suite_has_requests_at_once():
    assert fill({}, DECLARED, cores=2, required_context=64)["sequences"] == 1
    assert fill({}, DECLARED, cores=2, required_context=64, required_sequences=8)["sequences"] == 8
    assert fill({"sequences": 16}, DECLARED, cores=2, required_context=64, required_sequences=8)["sequences"] == 16


@pytest.mark.parametrize(("given", "words"), [({"sequences": 4}, "4 sequences are too few"), ({"batch": 4}, "give 8")])
def test_a_step_of_all_requests_must_fit(given, words):
    with pytest.raises(BadInput, match=words) as caught:
        fill(given, DECLARED, cores=2, required_context=64, required_sequences=8)
    assert "\n" not in str(caught.value)


def test_drafts_are_made_for_one_request_at_a_time():
    assert fill({"draft": "lookup"}, DECLARED, cores=2, required_context=64)["draft"] == "lookup"
    with pytest.raises(BadInput, match="one request at a time, and the suite runs 8"):
        fill({"draft": "lookup"}, DECLARED, cores=2, required_context=64, required_sequences=8)


@pytest.mark.parametrize(("declared", "fix"), [(DECLARED, "draft=lookup"), (LlamaServer.options, "draft_model=MODEL")])
def test_a_length_of_drafts_without_drafts_is_refused_for_it_would_be_ignored(declared, fix):
    with pytest.raises(BadInput, match="none are asked for") as caught:
        fill({"draft_max": 4}, declared, cores=2, required_context=64)
    assert fix in str(caught.value)
    for asked in ("none", fix.partition("=")[2]):
        assert fill({"draft_max": 4, fix.partition("=")[0]: asked}, declared, cores=2, required_context=64)


def test_a_prefix_cache_is_on_for_a_conversation_alone():
    assert fill({}, DECLARED, cores=2, required_context=64)["prefix_cache"] is False
    assert fill({}, DECLARED, cores=2, required_context=64, conversation=True)["prefix_cache"] is True
    without = fill({"prefix_cache": False}, DECLARED, cores=2, required_context=64, conversation=True)
    assert not keeps_prefix(without)
    with pytest.raises(BadInput, match="no conversation"):
        fill({"prefix_cache": True}, DECLARED, cores=2, required_context=64)


SECRETS = {"api_key_env": Option("a name", str, secret=True), "url": Option("an address", str, "x")}


def test_a_secret_is_taken_out_of_the_settings_with_its_name():
    given = {"api_key_env": "ALICE_KEY", "url": "y"}
    kept, found = secrets(given, SECRETS, {"ALICE_KEY": " sk-canary \n"})
    assert kept == {"url": "y"}
    assert found == {"api_key_env": "sk-canary"}
    assert "api_key_env" not in fill(kept, SECRETS, cores=2, required_context=8)


@pytest.mark.parametrize(
    ("name", "environment"),
    [
        ("sk-canary-123", {}),  # the key itself
        ("CANARY", {}),
        ("CANARY", {"CANARY": ""}),
        ("CANARY", {"CANARY": "sk-canary\r\nX-Other: 1"}),
        ("CANARY", {"CANARY": "sk-canäry"}),
        ("", {}),
    ],
)
def test_neither_a_key_nor_its_name_stands_in_a_refusal(name, environment):
    with pytest.raises(BadInput) as caught:
        secrets({"api_key_env": name}, SECRETS, environment)
    assert "canary" not in str(caught.value).lower()
    assert "-o api_key_env" in str(caught.value)


def test_a_worker_gets_the_secret_by_the_options_name_and_it_is_not_shown(tmp_path):
    interpreter = Interpreter(tmp_path / "python", tmp_path, tmp_path, {"api_key_env": "sk-canary"})
    assert (
        environment(interpreter, {"ALICE_KEY": "sk-canary", "PATH": "/bin"})["REPRO_SECRET_api_key_env"] == "sk-canary"
    )
    assert "ALICE_KEY" not in environment(interpreter, {"ALICE_KEY": "sk-canary"})
    assert "canary" not in repr(interpreter)


def test_a_number_that_no_engine_holds_in_32_bits_is_refused_for_every_option():
    for text in ("drift_ppm=4294967296", "drift_ppm=-4294967296", "step_us=100000000000000000000"):
        with pytest.raises(BadInput, match=r"is too (large|small)"):
            parse([text], Simulated.options, "simulated")
    assert parse(["drift_ppm=-5"], Simulated.options, "simulated") == {"drift_ppm": -5}


def test_more_threads_than_processors_could_ever_serve_are_refused():
    with pytest.raises(BadInput, match="threads is too large: 17 on 2 processors"):
        refuse_absurd({"threads": 17}, DECLARED, logical=2, trained=None)
    refuse_absurd({"threads": 16}, DECLARED, logical=2, trained=None)
    refuse_absurd({"threads": 256}, DECLARED, logical=64, trained=None)
    with pytest.raises(BadInput, match="threads_batch is too large"):
        refuse_absurd({"threads_batch": 400}, DECLARED, logical=8, trained=None)


def test_a_context_beyond_what_the_model_was_trained_for_is_refused():
    with pytest.raises(BadInput, match="trained for 32768"):
        refuse_absurd({"context": 32769}, DECLARED, logical=2, trained=32768)
    refuse_absurd({"context": 32769}, DECLARED, logical=2, trained=None)
