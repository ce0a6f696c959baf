"""The adapter against a server in a thread: who it is, what it takes, how its answers are counted, and what it says when it fails."""

import pytest

from harness.errors import BadInput, ReproError, RunFailed
from harness.measure.metrics import measure_trial
from harness.measure.stopwatch import Stopwatch
from harness.measure.trial import Mode, Purpose, Trial
from harness.run import checks
from runtimes.interface import SECRET, ModelFiles
from runtimes.openai_http import OpenAIHTTP
from tests.model_server import ids_of, serving

PROMPT = ids_of("the quiet harbour boat comes home one after other")


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "tiny.gguf"
    path.write_bytes(b"GGUF")
    return path


def load(model, url, **options):
    return OpenAIHTTP().load(ModelFiles(model, "gguf"), {"url": url, **options})


def timed(loaded, count, prompt=PROMPT):
    """One answer as a trial."""
    watch = Stopwatch(count)
    loaded.reset()
    ids = loaded.generate(prompt, count, watch)
    return Trial(
        0, 0, "w", Purpose.TIMED, Mode.GREEDY, len(prompt), count, 0, watch.token_ns(), watch.step_ns(), tuple(ids), {},
        dict(loaded.counters()),
    )  # fmt: skip


def line(error):
    text = str(error.value)
    assert "\n" not in text
    assert len(text) <= 500
    return text


# Who it is


def test_of_several_models_one_must_be_named(model):
    with serving(models=[{"id": "tiny"}, {"id": "large"}]) as (url, double):
        with pytest.raises(BadInput, match=r"lists 2 models: tiny, large; .*served_model=NAME"):
            load(model, url)
        assert "/v1/completions" not in double.paths()
        load(model, url, served_model="large")
        assert {body["model"] for body in double.completed()} == {"large"}


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


def test_the_engine_is_what_the_server_says(model):
    with serving(props={"build_info": "b1"}) as (url, _), pytest.raises(BadInput, match=r"says that it is llama\.cpp"):
        load(model, url, engine="vllm")
    with serving(models=[{"id": "m", "owned_by": "sglang"}], pages={"/version": {"version": "0.5"}}) as (url, _):
        assert load(model, url).facts.engine == "sglang"
    with serving() as (url, _):
        assert load(model, url, engine="mlx").facts.engine == "mlx"


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


TOKENS = [b'data: {"choices": [{"text": "x"}]}\n\n'] * 4


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


# How its answers are counted


FIRST_OF_MANY = [16, *([1] * 16)]


@pytest.mark.parametrize(
    "told", [{"ids": True}, {"ids": False, "running_count": "usage"}, {"ids": False, "running_count": "timings"}]
)
def test_the_tokens_of_the_first_chunk_are_not_counted_as_speed(model, told):
    with serving(sizes=FIRST_OF_MANY, step_s=0.005, **told) as (url, _):
        one = timed(load(model, url), 32)
    found = measure_trial(one)
    assert found.decode_rate < 210  # 16 tokens in 16 waits of 5 ms at least; all 31 in that time would be 388
    assert found.prefill_rate is None
    assert (one.token_ns[:16] == one.token_ns[0]).all()
    assert one.engine["placed_tokens"] == 32


def test_chunks_of_unknown_size_give_no_rate(model):
    with serving(sizes=FIRST_OF_MANY, ids=False) as (url, _):
        one = timed(load(model, url), 32)
    assert one.engine["placed_tokens"] < 32
    assert one.token_ns.size == 32
    found = measure_trial(one)
    assert (found.decode_rate, found.itl, found.tpot) == (None, None, None)
    assert found.e2e == one.token_ns[-1]


def test_one_chunk_for_each_token_needs_no_further_word(model):
    with serving(ids=False, usage=False) as (url, _):
        one = timed(load(model, url), 16)
    assert one.engine["placed_tokens"] == 16
    assert measure_trial(one).decode_rate is not None


def test_more_chunks_than_tokens_give_no_rate(model):
    with serving(
        raw_lines=[*TOKENS, TOKENS[0], b'data: {"choices": [{"text": "", "finish_reason": "length"}]}\n\n']
    ) as (url, _):
        one = timed(load(model, url), 4)
    assert one.engine["completion_tokens"] == 4
    assert measure_trial(one).decode_rate is None


def test_a_stream_that_is_held_back_and_let_go_at_once_gives_no_rate(model):
    with serving(raw_lines=[b"".join(TOKENS * 4)]) as (url, _):
        one = timed(load(model, url), 16)
    assert measure_trial(one).decode_rate is None
    assert measure_trial(one).ttft > 0


def test_the_servers_own_times_are_held_against_ours(model):
    with serving(timings={"predicted_ms": 10_000.0, "prompt_ms": 5.0}) as (url, _):
        one = timed(load(model, url), 24)
    told = {name: one.engine[name] for name in ("prefill_tokens", "prefill_ns", "decode_ns")}
    assert told == {"prefill_tokens": len(PROMPT), "prefill_ns": 5_000_000, "decode_ns": 10_000_000_000}
    assert checks.engine_counters([one]).status == "fail"
    assert checks.prefill_complete([one]).status == "pass"
    with serving(timings={"predicted_ms": None, "predicted_per_second": 24.0}, step_s=0.001) as (url, _):
        assert timed(load(model, url), 24).engine["decode_ns"] == 1_000_000_000


# What it has seen before


@pytest.mark.parametrize("tokenizer", ["llama", "vllm", "extras"])
def test_a_text_is_counted_by_the_tokenizer_and_never_completed_beforehand(model, tokenizer):
    with serving(takes_ids=False, tokenizer=tokenizer, ids=False) as (url, double):
        loaded = load(model, url)
        assert loaded.tokenize("the sea", add_bos=True)[-2:] == ids_of("the sea")[-2:]
        before = len(double.seen)
        timed(loaded, 4)
        assert double.seen[before:] == [tuple(PROMPT)]
        assert not any(tuple(PROMPT[:3]) == seen[:3] for seen in double.seen[:before])


def test_a_prompt_that_its_tokenizer_counts_otherwise_is_refused_unseen(model):
    with serving(takes_ids=False, ids=False) as (url, double):
        loaded = load(model, url)
        loaded.tokenize("the sea", add_bos=True)
        with pytest.raises(RunFailed, match="counts 2 prompt tokens, not 3"):
            timed(loaded, 4, prompt=[1, 10, 1000])  # the last one is no text at all
        assert all(len(seen) != 3 for seen in double.seen)


@pytest.mark.parametrize("takes_ids", [True, False])
def test_a_distinct_prompt_is_new_to_a_server_that_outlives_the_run(model, takes_ids):
    with serving(takes_ids=takes_ids) as (url, _):
        loaded = load(model, url)
        loaded.tokenize("the sea", add_bos=True)
        long = ids_of(" ".join(["the quiet harbour boat comes home one after other sea"] * 6))
        found = [tuple(loaded.fresh(long)) for _ in range(4)]
        assert len(set(found)) == 4
        assert all(sorted(one) == sorted(long) and one[0] == long[0] for one in found)


def test_a_prefix_cache_shows_between_a_repeated_and_a_fresh_prompt(model):
    with serving(takes_ids=False, prefix_cache=True, prefill_s=0.004) as (url, _):
        loaded = load(model, url)
        loaded.tokenize("the sea", add_bos=True)
        long = ids_of(" ".join(["the quiet harbour boat comes home one after other sea"] * 6))
        for _ in range(2):  # the second run finds the first one's prompts in the server's cache
            timed(loaded, 2, prompt=long)
            repeated, fresh = timed(loaded, 2, prompt=long), timed(loaded, 2, prompt=loaded.fresh(long))
            assert repeated.token_ns[0] < 0.5 * fresh.token_ns[0]


def test_every_refusal_is_one_of_ours(model):
    for body in (
        b"[]",
        b"{}",
        b"null",
        b'"x"',
        b"[1, 2]",
        b'{"data": 7}',
        b'{"data": [{"id": 7}]}',
        b"\xff",
        b"[" * 9999,
    ):
        with serving(pages={"/x/models": body}) as (url, _), pytest.raises(ReproError):
            load(model, url.replace("/v1", "/x"))
