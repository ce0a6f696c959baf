"""A server that drafts tokens ahead says so, or is not measured as one that does not."""

import json

import pytest

from harness.errors import BadInput, RunFailed
from harness.verify import drafts
from runtimes.support import server_account
from tests.support.model_server import serving
from tests.support.server_trials import line, load, timed

LLAMA = {"props": {"build_info": "b1", "total_slots": 1}}
DRAFTED = {"draft_n": 6, "draft_n_accepted": 4}


def slots(*told):
    return {"pages": {"/slots": [{"id": 0, "speculative": one} for one in told]}}


def test_drafts_of_a_server_that_says_that_it_drafts_are_booked_with_its_passes(model):
    with serving(**LLAMA, **slots(True), timings=DRAFTED) as (url, _):
        loaded = load(model, url)
        one = timed(loaded, 8)
    assert loaded.facts.settings["speculative"] is True
    assert {name: one.engine[name] for name in ("draft_tokens", "accepted_tokens", "decode_steps")} == {
        "draft_tokens": 6,
        "accepted_tokens": 4,
        "decode_steps": 3,
    }
    assert drafts.of([one], "w").tokens_a_pass == pytest.approx(1 + 4 / 3)


def test_an_answer_without_a_draft_is_booked_as_one_token_a_pass(model):
    with serving(**LLAMA, **slots(True), timings={}) as (url, _):
        one = timed(load(model, url), 8)
    assert (one.engine["draft_tokens"], one.engine["accepted_tokens"], one.engine["decode_steps"]) == (0, 0, 7)


def test_a_server_that_drafts_nothing_says_nothing(model):
    for told in (slots(False, False), {}):
        with serving(**LLAMA, **told, timings={}) as (url, _):
            loaded = load(model, url)
            assert "speculative" not in loaded.facts.settings
            assert "accepted_tokens" not in timed(loaded, 8).engine


def test_a_server_that_drafts_without_a_word_is_not_measured_as_one_that_does_not(model):
    with serving(**LLAMA, timings=DRAFTED) as (url, _):
        with pytest.raises(RunFailed, match="drafts tokens ahead") as error:
            timed(load(model, url), 8)
        assert "-o speculative=true" in line(error)
        loaded = load(model, url, speculative=True)
        assert timed(loaded, 8).engine["accepted_tokens"] == 4
    assert loaded.facts.settings["speculative"] is True


def test_the_operators_word_against_the_servers_is_refused(model):
    with serving(**LLAMA, **slots(False)) as (url, _), pytest.raises(BadInput, match="drafts nothing"):
        load(model, url, speculative=True)


@pytest.mark.parametrize("told", [{"draft_n": 3, "draft_n_accepted": 4}, {"draft_n": 9, "draft_n_accepted": 7}])
def test_counts_that_do_not_add_up_are_refused(model, told):
    with serving(**LLAMA, **slots(True), timings=told) as (url, _), pytest.raises(RunFailed, match="do not add up"):
        timed(load(model, url), 8)


def test_engines_tell_in_their_own_ways(model):
    vllm = {"models": [{"id": "m", "owned_by": "vllm"}]}
    sglang = {"models": [{"id": "m", "owned_by": "sglang"}]}
    for behaviour, expected in (
        (vllm | {"pages": {"/metrics": b"vllm:spec_decode_num_drafts_total 0"}}, True),
        (vllm | {"pages": {"/metrics": b"vllm:generation_tokens_total 0"}}, None),
        (sglang | {"pages": {"/server_info": {"version": "1", "speculative_algorithm": "EAGLE"}}}, True),
        (sglang | {"pages": {"/server_info": {"version": "1", "speculative_algorithm": None}}}, None),
    ):
        with serving(**behaviour) as (url, _):
            assert load(model, url).facts.settings.get("speculative") is expected


def test_the_text_of_a_draft_that_was_counted_at_once_is_no_standing_count(model):
    """One pass gives four tokens: the first event counts them all, the others bring their text."""

    def event(count, kept):
        timings = {"predicted_n": count, "draft_n": 9, "draft_n_accepted": kept}
        return b"data: " + json.dumps({"choices": [{"text": "x"}], "timings": timings}).encode() + b"\n\n"

    whole = [event(1, 0), *[event(5, 3)] * 4, *[event(8, 5)] * 3]
    end = b'data: {"choices": [{"text": "", "finish_reason": "length"}], "usage": {"prompt_tokens": 10, "completion_tokens": 8}}\n\n'
    with serving(**LLAMA, **slots(True), raw_lines=[*whole, end]) as (url, _):
        one = timed(load(model, url), 8)
    assert (one.engine["placed_tokens"], one.engine["chunks"]) == (8, 3)
    assert (one.token_ns[1:5] == one.token_ns[1]).all()
    stuck = [event(8, 0)] * 8
    with (
        serving(**LLAMA, **slots(True), raw_lines=stuck) as (url, _),
        pytest.raises(RunFailed, match="goes on sending"),
    ):
        timed(load(model, url), 8)


def test_noughts_of_openais_predictions_say_nothing():
    def told(**details):
        return server_account.account({"usage": {"completion_tokens_details": details}})

    assert told(accepted_prediction_tokens=0, rejected_prediction_tokens=0) == {}
    assert told(accepted_prediction_tokens=3, rejected_prediction_tokens=2) == {"draft_tokens": 5, "accepted_tokens": 3}
