"""What an engine says of its model is held against the file, and against what it said before."""

from types import SimpleNamespace

import pytest

from harness.errors import BadInput, RunFailed
from harness.run.conclude import head
from harness.run.prepare.engine_account import Told, contradiction


def identity(**changes):
    facts = {
        "file": "m.gguf", "format": "gguf", "parameters": 268_098_176, "tensor_bytes": {"Q4_K": 200_000_000, "F32": 46_587_904},
        "context_trained": 32768, "quantisation": "Q4_K_M",
    }  # fmt: skip
    return SimpleNamespace(**facts | changes)


def facts(kind="server", engine="llama.cpp", version="b1", **model):
    return {"engine": engine, "version": version, "commit": "x", "model": model, "devices": [{"kind": kind}]}


AGREES = {
    "nothing is told": {},
    "the same counts": {"parameters": 268_098_176, "weights_bytes": 246_587_904, "context_trained": 32768},
    "the same label, in other letters": {"quantisation": "q4_k_m"},
}


@pytest.mark.parametrize("name", AGREES)
def test_what_agrees_contradicts_nothing(name):
    assert contradiction(identity(), facts(**AGREES[name])) == ""


CONTRADICTS = {
    "another size of model": ({"parameters": 1_235_814_432}, "1,235,814,432 parameters, the file 268,098,176"),
    "the same model in other bits": ({"parameters": 268_098_176, "weights_bytes": 291_000_000}, "bytes of weights"),
    "another training length": ({"context_trained": 8192}, "trained for 8,192 tokens"),
    "another label": ({"quantisation": "Q8_0"}, "Q8_0, the file is Q4_K_M"),
}


@pytest.mark.parametrize("name", CONTRADICTS)
@pytest.mark.parametrize("kind", ["server", "local-server"])
def test_a_server_that_holds_another_model_is_refused(name, kind):
    told, words = CONTRADICTS[name]
    with pytest.raises(BadInput, match="the engine says that it holds") as caught:
        Told(identity()).hear(facts(kind, **told))
    assert words in str(caught.value)


def test_an_engine_in_our_process_may_count_a_little_otherwise_and_no_more():
    assert contradiction(identity(), facts("cpu", parameters=290_000_000)) == ""
    assert "parameters" in contradiction(identity(), facts("cpu", parameters=436_000_000))
    # A folder is loaded in another type than it is stored in.
    assert contradiction(identity(format="safetensors"), facts("cpu", size_bytes=999_999_999)) == ""


@pytest.mark.parametrize(
    "change", [{"version": "b2"}, {"engine": "vllm"}, {"model": {"parameters": 1}}, {"served": "other"}]
)
def test_an_engine_that_changes_between_processes_is_refused(change):
    told = Told(identity(parameters=0))
    told.hear(facts(parameters=268_098_176))
    told.hear(facts(parameters=268_098_176))
    with pytest.raises(RunFailed, match="and is now"):
        told.hear(facts(parameters=268_098_176) | change)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1"),
        ("http://[::1]:8080/v1", "http://[::1]:8080/v1"),
        ("http://10.1.2.3:8080/v1", "http://another-machine"),
        ("http://alice-box.local/v1", "http://another-machine"),
        ("http://127.evil.example/v1", "http://another-machine"),
        ("cuda:0", "cuda:0"),
        (True, True),
    ],
)
def test_the_address_of_another_machine_is_not_published(value, shown):
    assert head.public_value(value) == shown


def test_a_variable_that_names_a_key_is_never_published():
    assert head._shown("VLLM_API_KEY", "abc") == "set, not recorded"
    assert head._shown("NVIDIA_TOKEN", "7") == "set, not recorded"
    assert head._shown("OMP_NUM_THREADS", "7") == "7"
