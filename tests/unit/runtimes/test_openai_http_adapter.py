"""The adapter against a server in a thread: who it is, what it takes, and what it says when it fails."""

import pytest

from harness.errors import BadInput, RunFailed
from harness.worker import conformance
from harness.worker.conformance import Subject
from runtimes.interface import SECRET
from runtimes.openai_http import OpenAIHTTP
from tests.support.model_server import serving
from tests.support.server_trials import TOKENS, line, load, timed

# Who it is


def test_of_several_models_one_must_be_named(model):
    with serving(models=[{"id": "tiny"}, {"id": "large"}]) as (url, double):
        with pytest.raises(BadInput, match=r"lists 2 models: tiny, large; .*served_model=NAME"):
            load(model, url)
        assert "/v1/completions" not in double.paths()
        load(model, url, served_model="large")
        assert {body["model"] for body in double.completed()} == {"large"}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (
            b"<html><title>Welcome</title></html>",
            "its list of models can't be read: Welcome; give the address of its API",
        ),
        (b"", "its list of models can't be read: nothing came"),
    ],
)
def test_what_is_no_list_is_not_said_to_be_an_empty_one(model, answer, words):
    with serving(models=[], pages={"/portal/models": answer}) as (url, _), pytest.raises(BadInput) as error:
        load(model, url.replace("/v1", "/portal"))
    assert words in line(error)


def test_a_model_listed_twice_is_one(model):
    with serving(models=[{"id": "tiny"}, {"id": "tiny"}]) as (url, _):
        assert load(model, url).facts.engine == "unknown"


def test_a_name_that_is_not_listed_is_refused_with_those_that_are(model):
    with (
        serving(models=[{"id": "tiny"}]) as (url, _),
        pytest.raises(BadInput, match="lists no model 'other', but tiny"),
    ):
        load(model, url, served_model="other")


def test_an_alias_and_a_default_tag_name_the_same_model(model):
    with serving(models=[{"id": "tiny:latest", "aliases": ["t"]}, {"id": "large"}]) as (url, double):
        for name in ("tiny", "t", "tiny:latest"):
            load(model, url, served_model=name)
        assert {body["model"] for body in double.completed()} == {"tiny:latest"}


def test_control_characters_in_a_listed_name_are_made_visible(model):
    with serving(models=[{"id": "a\x1b[31m"}, {"id": "b"}]) as (url, _), pytest.raises(BadInput) as error:
        load(model, url)
    assert "\\x1b" in line(error)


def test_an_answer_of_another_model_is_refused(model):
    with serving(model="large") as (url, double):
        loaded = load(model, url)
        with pytest.raises(RunFailed, match="answers as 'large', asked for was 'tiny'"):
            timed(loaded, 4)
        timed(load(model, url, answers_as="large"), 4)
        double.behaviour.model = "/models/Tiny.gguf"
        timed(load(model, url), 4)


def test_a_server_that_changes_while_it_is_measured_is_refused(model):
    with serving(fingerprint="b1") as (url, double):
        loaded = load(model, url)
        timed(loaded, 4)
        double.behaviour.fingerprint = "b2"
        with pytest.raises(RunFailed, match="changed while it was measured"):
            timed(loaded, 4)


def test_another_file_than_the_one_named_is_refused(model, tmp_path):
    other = tmp_path / "other.gguf"
    other.write_bytes(b"GGUF")
    with serving(props={"model_path": str(other), "build_info": "b1"}) as (url, _):
        with pytest.raises(BadInput, match=r"has loaded another file, other\.gguf"):
            load(model, url)
        assert load(other, url).facts.engine == "llama.cpp"
    rooted = [{"id": "tiny", "owned_by": "vllm", "root": str(other)}]
    with serving(models=rooted) as (url, _), pytest.raises(BadInput, match="has loaded another file"):
        load(model, url)
    # A path of another machine, or of a container, says nothing here.
    with serving(props={"model_path": "/models/other.gguf", "build_info": "b1"}) as (url, _):
        load(model, url)


def test_what_the_server_says_of_model_and_context_is_a_fact(model):
    meta = {"n_params": 268098176, "size": 252000000, "n_vocab": 2000, "n_ctx_train": 32768}
    props = {"build_info": "b7012", "default_generation_settings": {"n_ctx": 2048}}
    with serving(models=[{"id": "tiny", "meta": meta}], props=props) as (url, _):
        facts = load(model, url, context=512).facts
        assert facts.model["parameters"] == 268098176
        assert (facts.vocab_size, facts.context_tokens, facts.settings["context"]) == (2000, 2048, 2048)
        assert (facts.engine, facts.version) == ("llama.cpp", "b7012")
        with pytest.raises(BadInput, match="context holds 2048 tokens, 4096 are needed"):
            load(model, url, context=4096)
    with serving(
        models=[{"id": "m", "owned_by": "vllm", "max_model_len": 256}], pages={"/version": {"version": "1"}}
    ) as (url, _):
        assert load(model, url).facts.context_tokens == 256


def test_a_context_that_the_server_does_not_tell_is_unknown_whatever_the_suite_needs(model):
    with serving() as (url, _):
        loaded = load(model, url, context=512)
        assert (loaded.facts.context_tokens, loaded.facts.settings["context"]) == (0, None)
        subject = Subject(OpenAIHTTP(), loaded, {}, (5, 6, 7))
        assert conformance._facts_complete(subject)[0] == "pass"
        assert conformance._context_kept(subject) == ("unknown", "the server does not tell its context")


def test_the_engine_is_what_the_server_says(model):
    with serving(props={"build_info": "b1"}) as (url, _), pytest.raises(BadInput, match=r"says that it is llama\.cpp"):
        load(model, url, engine="vllm")
    with serving(models=[{"id": "m", "owned_by": "sglang"}], pages={"/version": {"version": "0.5"}}) as (url, _):
        assert load(model, url).facts.engine == "sglang"
    with serving() as (url, _):
        assert load(model, url, engine="mlx").facts.engine == "mlx"
    # LocalAI and others answer at vLLM's address, and are not vLLM.
    with serving(pages={"/version": {"version": "v3.8.0"}}) as (url, _):
        facts = load(model, url).facts
        assert (facts.engine, facts.version) == ("unknown", "v3.8.0")
        assert load(model, url, engine="localai").facts.engine == "localai"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://a..b/v1", "must be an address"),
        ("http://127.0.0.1:8080/v\u00e9", "must be an address"),
        ("http://user:sk-canary@127.0.0.1:99999/v1", "must be an address"),
        ("http://user:sk-canary@127.0.0.1/v1", "holds a user or a key"),
        ("http://127.0.0.1:0/v1", "no server answers at 127.0.0.1:0"),
        ("http://127.0.0.1:9/v1#models", "is not a plain http:// or https:// address"),
        ("http://127.0.0.1:9/v1?key=sk-canary", "-o url=http://127.0.0.1:9/v1: is not a plain"),
        ("http://127.0.0.1:99999/v1?key=sk-canary", "must be an address"),
    ],
)
def test_what_is_no_address_is_one_line(model, url, words):
    with pytest.raises(BadInput) as error:
        load(model, url, remote=True)
    assert words in line(error)
    assert "canary" not in line(error)


def test_an_address_of_another_api_is_named_before_anything_is_timed(model):
    """llama-server's own API stands at /completions, where OpenAI's is at /v1/completions."""
    own = b'data: {"index": 0, "content": "x", "tokens": [], "stop": false, "tokens_evaluated": 3}\n\n'
    answers = {"/models": {"data": [{"id": "tiny"}]}, "/completions": own}
    with serving(pages=answers) as (url, _), pytest.raises(BadInput) as error:
        load(model, url.removesuffix("/v1"))
    assert "its answers hold no choices; give the address of that API: of most servers it ends in /v1" in line(error)


# What it takes


def test_fields_that_a_server_refuses_by_name_are_left_out(model):
    with serving(unknown_fields=("return_token_ids", "min_tokens"), ids=False) as (url, double):
        loaded = load(model, url)
        assert loaded.facts.settings["left_out"] == "min_tokens, return_token_ids"
        timed(loaded, 4)
        assert not {"return_token_ids", "min_tokens"} & set(double.completed()[-1])
        assert double.completed()[-1]["top_k"] == 1


@pytest.mark.parametrize(
    "unknown", [("top_k",), ("continuous_usage_stats",), ("stream_options",), ("cache_prompt", "ignore_eos")]
)
@pytest.mark.parametrize("status", [400, 422])
def test_fields_that_a_server_refuses_without_a_name_are_found_one_by_one(model, unknown, status):
    with serving(unknown_fields=unknown, unknown_status=status, names_them=False, ids=False) as (url, double):
        loaded = load(model, url)
        assert loaded.facts.settings["left_out"] == ", ".join(sorted(unknown))
        count = len(double.completed())
        timed(loaded, 4)
        assert len(double.completed()) == count + 1  # nothing is tried while it is timed


def test_a_request_that_no_field_makes_acceptable_is_refused_in_the_servers_words(model):
    with serving(unknown_fields=("temperature",), names_them=False) as (url, _), pytest.raises(BadInput) as error:
        load(model, url)
    assert "the server answers 400 Bad Request: bad request" in line(error)


def test_a_good_server_loses_no_field(model):
    with serving() as (url, _):
        assert "left_out" not in load(model, url).facts.settings


# The key


def test_the_key_goes_with_every_request_and_stands_in_no_fact(model, monkeypatch):
    monkeypatch.setenv(f"{SECRET}api_key_env", "sk-canary-123456")
    with serving(key="sk-canary-123456") as (url, double):
        loaded = load(model, url)
        timed(loaded, 4)
        assert set(double.headers) == {"Bearer sk-canary-123456"}
        assert "canary" not in repr(loaded.facts)
        assert "canary" not in repr(loaded._server)
        assert loaded.facts.settings["api_key"] == "sent"


@pytest.mark.parametrize("open_paths", [(), ("/v1/models",)])
def test_a_server_that_wants_a_key_says_so_and_the_way_out_is_named(model, open_paths):
    with serving(key="sk-canary-123456", open_paths=open_paths) as (url, _), pytest.raises(BadInput) as error:
        load(model, url)
    text = line(error)
    assert "the server answers 401 Unauthorized: no such key" in text
    assert "-o api_key_env=NAME" in text


def test_a_wrong_key_is_never_shown_even_where_the_server_shows_it(model, monkeypatch):
    monkeypatch.setenv(f"{SECRET}api_key_env", "sk-canary-123456")
    words = "Incorrect key sk-canary-123456, or sk-can****56\n    at line 2"
    with serving(key="another", refused_words=words) as (url, _), pytest.raises(BadInput) as error:
        load(model, url)
    text = line(error)
    assert "Incorrect key" in text
    assert "sk-can" not in text
    assert "line 2" not in text
    assert "another key than the variable holds" in text


# What it says


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (
            503,
            {"error": {"message": "Loading model", "code": 503}},
            "503 Service Unavailable: Loading model; wait until",
        ),
        (404, {"detail": "Not Found"}, "404 Not Found: Not Found; check the address"),
        (500, b"<html><title>Oops\x07</title></html>", "500 Internal Server Error: Oops\\x07"),
        (429, {"message": "slow down"}, "429 Too Many Requests: slow down"),
        (418, b"", "418"),
    ],
)
def test_a_status_is_told_with_the_servers_own_words(model, status, body, words):
    with serving() as (url, _), pytest.raises(BadInput) as error:
        load(model, url.replace("/v1", "/other"))
    assert "404 Not Found: not found" in line(error)
    with serving(pages={"/other/models": (status, body)}) as (url, _), pytest.raises(BadInput) as error:
        load(model, url.replace("/v1", "/other"))
    assert words in line(error)


@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"error": {"message": "CUDA out of memory", "code": 500}}, "CUDA out of memory"),
        ({"error": "the slot was lost"}, "the slot was lost"),
        ({"object": "error", "message": "bad \x1b[2J prompt", "code": 400}, "bad \\x1b[2J prompt"),
        ({"detail": [{"msg": "context exceeded"}]}, "context exceeded"),
        ({"error": {"message": "x" * 5000}}, "x…"),
        ({"error": {"code": 500}}, "an error without words"),
    ],
)
def test_an_error_within_a_stream_is_told(model, event, words):
    with serving(error_event=event) as (url, _):
        loaded = load(model, url)
        with pytest.raises(RunFailed) as error:
            timed(loaded, 8)
    assert f"the server reports an error: {words}" in line(error).replace("x" * 199, "x").replace("xx", "x")
    assert error.value.code == "error of the server"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([*TOKENS[:2], b"event: error\n", b'data: {"message": "it broke"}\n\n'], "an error: it broke"),
        ([*TOKENS[:2], b'error: {"code": 500, "message": "it broke"}\n\n'], "an error: it broke"),
        ([b'{"error": {"message": "it broke"}}'], "an error: it broke"),
        ([b'{"choices": [{"text": "xxxx"}]}'], "does not stream"),
        ([*TOKENS[:2], b"data: {]\n\n"], "can't be read"),
        ([b'data: {"choices": 7}\n\n'], "can't be read"),
        ([*TOKENS[:2]], "2 of 4 tokens had come"),
        (
            [*TOKENS[:2], b'data: {"choices": [{"text": "", "finish_reason": "stop"}]}\n\n', b"data: [DONE]\n\n"],
            "2 chunks for 4",
        ),
    ],
)
def test_what_is_wrong_with_a_stream_is_told(model, lines, words):
    with serving(raw_lines=lines) as (url, _):
        loaded = load(model, url)
        with pytest.raises(RunFailed) as error:
            timed(loaded, 4)
    assert words in line(error)


@pytest.mark.parametrize(
    "lines",
    [
        TOKENS,  # no word of its end
        [b": keep-alive\n\n", *TOKENS, b"data: [DONE]\n\n"],
        [b'data:{"choices":\r\n', b'data:[{"text": "x"}]}\r\n\r\n', *TOKENS[:3], b"data:[DONE]\r\n\r\n"],
        [b"\xef\xbb\xbfevent: message\n", *TOKENS, b"data: [DONE]\n\n"],
        [line.replace(b"\n\n", b"\n") for line in TOKENS] + [b"data: [DONE]\n"],
    ],
)  # fmt: skip
def test_small_deviations_from_the_usual_stream_are_taken(model, lines):
    with serving(raw_lines=lines) as (url, _):
        one = timed(load(model, url), 4)
    assert one.engine["completion_tokens"] == one.engine["placed_tokens"] == 4


def test_an_answer_that_is_whole_needs_no_done(model):
    with serving(done=False) as (url, _):
        assert timed(load(model, url), 8).output_ids == tuple(range(8))


def test_an_answer_that_breaks_off_is_no_answer(model):
    with serving(cut_after=5) as (url, _):
        loaded = load(model, url)
        with pytest.raises(RunFailed, match="5 of 8 tokens had come"):
            timed(loaded, 8)


def test_a_text_that_ended_early_is_told_with_its_reason(model):
    with serving(sizes=[1] * 6, finish="content_filter") as (url, _):
        loaded = load(model, url)
        with pytest.raises(RunFailed, match=r"6 tokens of 8 \(it says: content_filter\)"):
            timed(loaded, 8)
