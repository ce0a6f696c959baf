"""The answers of a server in a thread: how their tokens are counted, and what the server has seen before it is timed."""

import json

import pytest

from harness.errors import ReproError, RunFailed
from harness.measure.metrics import measure_trial
from harness.verify import check_rules
from harness.worker import tokenizer_gate
from harness.worker.plan import Prompt
from runtimes.openai_http import OpenAIHTTP
from tests.support.model_server import ids_of, serving
from tests.support.server_trials import PROMPT, TOKENS, line, load, timed

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


def event(text="x", finish=None, **more):
    choice = {"text": text, "finish_reason": finish}
    return b"data: " + json.dumps({"choices": [choice], **more}).encode() + b"\n\n"


def used(count, prompt=None):
    return {"prompt_tokens": len(PROMPT) if prompt is None else prompt, "completion_tokens": count}


def test_a_usage_that_is_the_same_in_every_chunk_is_no_running_count(model):
    for told in (8, 1):  # that of the end, and that of each chunk alone
        with serving(raw_lines=[event(usage=used(told)) for _ in range(8)]) as (url, _):
            loaded = load(model, url)
            with pytest.raises(RunFailed) as error:
                timed(loaded, 8)
        tokens = "8 tokens" if told == 8 else "1 token"
        assert f"the server counts {tokens} made, and goes on sending text" in line(error)


def test_a_usage_of_noughts_is_none(model):
    with serving(raw_lines=[*(event(usage=used(0, 0)) for _ in range(8)), event("", "length")]) as (url, double):
        loaded = load(model, url)
        one = timed(loaded, 8)
        assert one.engine["placed_tokens"] == one.engine["completion_tokens"] == one.token_ns.size == 8
        double.behaviour.keeps = 6
        with pytest.raises(RunFailed, match="counts 6 prompt tokens, not 8"):
            timed(loaded, 8, prompt=PROMPT[:8])


def test_an_answer_that_ended_for_a_length_of_the_servers_own_is_no_answer(model):
    """A limit of its own, or a context that is full: nobody counts, and fewer chunks came than tokens were asked for."""
    with serving(raw_lines=[*TOKENS, event("", "length"), b"data: [DONE]\n\n"]) as (url, _):
        loaded = load(model, url)
        with pytest.raises(RunFailed, match="sent 4 chunks for 8 tokens, and does not tell how many tokens it made"):
            timed(loaded, 8)


def test_a_server_that_does_not_heed_the_number_of_tokens_is_told(model):
    for told, what in (({"usage": True}, "12 tokens"), ({"usage": False, "finish": "stop"}, "12 chunks")):
        with serving(sizes=[1] * 12, ids=False, **told) as (url, _):
            loaded = load(model, url)
            with pytest.raises(RunFailed) as error:
                timed(loaded, 8)
        assert f"the server made {what}, asked for were 8 tokens; it does not heed max_tokens" in line(error)
    with serving(sizes=[1] * 12) as (url, _):
        assert timed(load(model, url), 8).output_ids == tuple(range(8))  # with ids the first of them are known


@pytest.mark.parametrize(("takes_ids", "tokenizer"), [(True, "none"), (True, "llama"), (False, "llama")])
def test_a_prompt_that_the_server_cut_is_seen_though_its_streams_count_nothing(model, takes_ids, tokenizer):
    with serving(takes_ids=takes_ids, tokenizer=tokenizer, usage=False, ids=False, keeps=6) as (url, _):
        loaded = load(model, url)
        with pytest.raises(RunFailed, match=f"counts 6 prompt tokens, not {len(PROMPT)}"):
            timed(loaded, 4)


@pytest.mark.parametrize(
    "told",
    [
        {"prompt_tokens_details": {"cached_tokens": 6}},
        {"prompt_cache_hit_tokens": 6, "prompt_cache_miss_tokens": 4},
        {"cached_tokens": 6},
    ],
)
def test_tokens_from_a_cache_that_nobody_declared_fail_the_run(model, told):
    lines = [
        *TOKENS,
        event("", "length"),
        b"data: " + json.dumps({"choices": [], "usage": used(4) | told}).encode() + b"\n\n",
    ]
    with serving(raw_lines=lines) as (url, _):
        one = timed(load(model, url), 4)
    assert one.engine["prefill_tokens"] == len(PROMPT) - 6
    assert check_rules.prefill_complete([one]).status == "fail"


def test_numbers_that_no_answer_has_are_taken_for_none(model):
    lines = [*TOKENS, b'data: {"choices": [], "usage": {"completion_tokens": 1' + b"0" * 40 + b"}}\n\n"]
    with serving(raw_lines=lines) as (url, _):
        assert timed(load(model, url), 4).engine["completion_tokens"] == 4
    with serving(raw_lines=[b"data: " + b"[" * 99_999 + b"\n\n"]) as (url, _):
        loaded = load(model, url)
        with pytest.raises(RunFailed, match="can't be read"):
            timed(loaded, 4)


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
    assert check_rules.engine_counters([one]).status == "fail"
    assert check_rules.prefill_complete([one]).status == "pass"
    with serving(timings={"predicted_ms": None, "predicted_per_second": 24.0}, step_s=0.001) as (url, _):
        assert timed(load(model, url), 24).engine["decode_ns"] == 1_000_000_000


def test_a_server_that_samples_although_it_is_asked_not_to_is_seen(model):
    with serving(ids=False) as (url, double):
        loaded = load(model, url)
        same = [timed(loaded, 8) for _ in range(3)]
        double.behaviour.letters = "xyz"
        changing = [timed(loaded, 8) for _ in range(3)]
    assert check_rules.determinism(same).status == "pass"
    assert check_rules.determinism([*same, *changing]).status == "fail"
    with serving() as (url, _):
        one = timed(load(model, url), 8)
    assert check_rules.determinism([one]).text.startswith("greedy output")  # ids say more


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
        with pytest.raises(RunFailed, match="counts 2 prompt tokens, not 3") as error:
            timed(loaded, 4, prompt=[1, 10, 1000])  # the last one is no text at all
        assert error.value.code == "tokenizer"
        assert all(len(seen) != 3 for seen in double.seen)


def test_a_server_that_splits_otherwise_than_the_reference_is_refused_before_anything_is_timed(model):
    text = "the quiet harbour"
    with serving(takes_ids=False, ids=False) as (url, _):
        loaded = load(model, url)
        tokenizer_gate.hold(loaded, OpenAIHTTP.capabilities, [Prompt(text, tuple(ids_of(text)))])
        with pytest.raises(RunFailed) as error:
            tokenizer_gate.hold(loaded, OpenAIHTTP.capabilities, [Prompt(text, (1, 7, 8, 9, 10, 11))])
        assert "the server splits text otherwise than the model's own tokenizer: 4 tokens in place of 6" in line(error)
        assert error.value.code == "tokenizer"
    with serving(tokenizer="none") as (url, _):
        tokenizer_gate.hold(load(model, url), OpenAIHTTP.capabilities, [Prompt(text, (1, 7, 8))])


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
