"""A draft model in llama-server: how it is asked for, and that a server which goes on without it is not measured."""

from pathlib import Path

import pytest

from harness.device_kinds import DeviceKind
from harness.errors import BadInput
from runtimes import llama_server
from runtimes.interface import Device, with_defaults
from runtimes.llama_server import LlamaServer, command
from runtimes.support import llama_server_draft
from runtimes.support.device_choice import chosen
from runtimes.support.ggml_devices import Listed
from runtimes.support.llama_server_program import Program

NEWER = (
    "--spec-draft-model, -md, --model-draft FNAME\n--spec-draft-n-max N\n--spec-draft-ngl, -ngld, --gpu-layers-draft N\n"
    "--spec-type none,draft-simple,ngram-mod\n--spec-draft-type-k, -ctkd, --cache-type-k-draft TYPE\n--slots, --no-slots\n"
    "--spec-draft-device, -devd, --device-draft <dev1,dev2,..>\n--port PORT\n--draft, --draft-n, --draft-max N the argument has"
)
OLDER = "-md, --model-draft FNAME\n--draft-max, --draft, --draft-n N\n--port PORT"
GPU = Listed(Device("CUDA0", DeviceKind.GPU, "NVIDIA GeForce RTX 4090", 24 << 30))
LOST = (
    "0.00 E spec common_specu: the target and draft vocabs are not compatible\n"
    "0.00 E srv load_model: failed to initialize speculative decoding context: draft model vocab type must match target model\n"
)
GIVEN = {"draft_model": "/models/small.gguf", "draft_max": 5}


def options(**given):
    return with_defaults(LlamaServer.options, {"threads": 2, "context": 512, **given})


def arguments(help_=NEWER, devices=(), named=None, **given):
    program = Program(Path("/opt/llama-server"), {}, "b1", "c", {}, help_, devices)
    asked = options(**given, devices=named)
    flags = command(program, Path("model.gguf"), asked, chosen(asked, devices), 4711)
    return dict(zip(flags, [*flags[1:], ""], strict=True))


def test_without_one_the_server_is_told_of_none():
    assert not {"--model-draft", "--spec-draft-n-max", "--slots"} & set(arguments())
    assert not {"--model-draft"} & set(arguments(draft_model="none", draft_max=5))


def test_the_draft_lies_where_the_model_does_and_its_cache_is_of_the_same_type():
    found = arguments(**GIVEN, type_k="q8_0")
    assert (found["--model-draft"], found["--spec-draft-n-max"]) == ("/models/small.gguf", "5")
    assert (found["--spec-type"], found["--cache-type-k-draft"]) == ("draft-simple", "q8_0")
    assert "--slots" in found
    assert not {"--gpu-layers-draft", "--device-draft", "--draft-max"} & set(found)
    assert arguments(devices=(GPU,), **GIVEN)["--gpu-layers-draft"] == "999"
    assert arguments(devices=(GPU,), **GIVEN, gpu_layers=0)["--gpu-layers-draft"] == "0"
    assert arguments(named="none", **GIVEN)["--device-draft"] == "none"


def test_an_older_one_gets_the_option_that_it_knows_and_one_that_knows_none_is_refused():
    found = arguments(OLDER, **GIVEN)
    assert found["--draft-max"] == "5"
    assert "--spec-type" not in found
    with pytest.raises(BadInput, match="takes no draft model"):
        arguments("--port PORT", **GIVEN)


@pytest.mark.parametrize(
    ("told", "log", "words"),
    [
        ({"speculative": True}, LOST, "target and draft vocabs are not compatible"),
        ({"speculative": False}, "", "does not say that it drafts"),
        ({}, "", "does not say that it drafts"),
        ({"speculative": True}, "speculative decoding will use checkpoints", "does not count all of its drafts"),
        (
            {"speculative": True},
            "srv: speculative decoding not supported by this context",
            "not supported by this context",
        ),
    ],
)
def test_a_server_that_goes_on_without_its_draft_is_refused(told, log, words):
    with pytest.raises(BadInput, match=words) as error:
        llama_server_draft.settings(told, log, options(**GIVEN))
    assert error.value.where == "-o draft_model"
    assert "\n" not in str(error.value)


def test_a_draft_that_it_can_not_load_is_the_drafts_fault():
    error = llama_server._refusal("E srv load_model: failed to load draft model, '/models/small.gguf'\n", "model.gguf")
    assert isinstance(error, BadInput)
    assert error.where == "-o draft_model"


def test_a_server_without_a_draft_that_dies_is_not_said_to_have_died_of_one():
    log = "W srv load_model: speculative decoding not supported by this context\nggml: out of memory\n"
    assert llama_server._refusal(log, "model.gguf") is None


def test_the_record_declares_it_with_the_most_that_a_pass_can_give():
    assert llama_server_draft.settings({"speculative": True}, "", options(**GIVEN)) == {
        "speculative": "draft-model",
        "draft_max": 5,
    }
    assert llama_server_draft.settings({"speculative": True}, LOST, options()) == {}


def test_what_the_log_says_of_the_draft_is_not_said_of_the_model():
    log = "llama_context: n_batch = 512\nloading draft model 'x'\nllama_context: n_batch = 64\n"
    assert "64" not in llama_server_draft.before(log)
    assert "512" in llama_server_draft.before(log)
