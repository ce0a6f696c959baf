"""Chats: the template's tokens are not ours, and the first token is not always the first one of the answer."""

import pytest

from harness.errors import BadInput, RunFailed
from harness.measure.findings import workload_findings
from harness.measure.metrics import measure_trial
from harness.verify import check_rules
from tests.support.model_server import ids_of, serving
from tests.support.server_trials import PROMPT, line, load, timed


def events(*deltas, usage=None, finish="length"):
    """A stream of these deltas, as it comes over the wire."""
    import json

    lines = [b"data: " + json.dumps({"choices": [{"delta": one}]}).encode() + b"\n\n" for one in deltas]
    lines.append(b"data: " + json.dumps({"choices": [{"delta": {}, "finish_reason": finish}]}).encode() + b"\n\n")
    if usage:
        lines.append(b"data: " + json.dumps({"choices": [], "usage": usage}).encode() + b"\n\n")
    return [*lines, b"data: [DONE]\n\n"]


def test_a_server_without_completions_is_asked_to_chat(model):
    with serving(completions=False, chat=True, ids=False) as (url, double):
        loaded = load(model, url)
        assert loaded.facts.settings["api"] == "chat"
        assert loaded.facts.settings["prompts"] == "text"
        one = timed(loaded, 8)
        assert double.chats()[-1]["messages"] == [
            {"role": "user", "content": "the quiet harbour boat comes home one after other"}
        ]
        assert one.token_ns.size == one.engine["placed_tokens"] == 8


def test_completions_are_preferred_and_either_can_be_asked_for(model):
    with serving(chat=True) as (url, double):
        assert "api" not in load(model, url).facts.settings
        assert not double.chats()
        assert load(model, url, api="chat").facts.settings["api"] == "chat"
    with serving(completions=False, chat=True) as (url, _), pytest.raises(BadInput) as error:
        load(model, url, api="completions")
    assert "404 Not Found" in line(error)


def test_a_chats_prompt_gives_no_prefill_rate_and_says_what_the_template_added(model):
    with serving(chat=True, ids=False, timings={}) as (url, _):
        one = timed(load(model, url, api="chat"), 8)
    found = measure_trial(one)
    assert (found.prefill_rate, one.engine["template_tokens"]) == (None, 10)
    assert found.ttft > 0
    assert found.decode_rate is not None
    # The engine computed ours and the template's: that is complete.
    assert one.engine["prefill_tokens"] == len(PROMPT)
    assert check_rules.prefill_complete([one]).status == "pass"
    (told,) = [finding for finding in workload_findings("w", [one]) if finding.code == "templated"]
    assert "a chat template added 10 tokens" in told.text


def test_what_a_template_adds_is_asked_with_texts_that_do_not_begin_as_the_prompt_does(model):
    with serving(chat=True, ids=False) as (url, double):
        loaded = load(model, url, api="chat")
        timed(loaded, 4)
        timed(loaded, 4)
        said = [body["messages"][0]["content"] for body in double.chats()]
        streamed = [body["messages"][0]["content"] for body in double.chats() if body["stream"]]
    assert len([text for text in said if text not in streamed]) == 2  # once, not before each trial
    assert not any(text.startswith("the quiet") for text in said if text not in streamed)


def test_a_template_that_adds_no_fixed_number_is_not_known_and_is_not_booked_as_speed(model):
    with serving(chat=True, ids=False, template=lambda tokens: 5 + len(tokens) % 3) as (url, _):
        one = timed(load(model, url, api="chat"), 8, prompt=ids_of(" ".join(["the quiet harbour boat"] * 5)))
    assert one.engine["template_tokens"] == 0
    assert measure_trial(one).prefill_rate is None


def test_a_count_that_text_and_template_do_not_explain_is_refused(model):
    with serving(chat=True, ids=False) as (url, double):
        loaded = load(model, url, api="chat")
        timed(loaded, 4)
        double.behaviour.template = 30
        with pytest.raises(RunFailed) as error:
            timed(loaded, 4)
    assert "counts 40 prompt tokens, and 9 of the text with 11 of its template are 20" in line(error)
    assert error.value.code == "tokenizer"


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_the_first_token_and_the_first_one_of_the_answer_are_two_things(model, name):
    with serving(chat=True, reasoning=6, reasoning_name=name, ids=False, step_s=0.02) as (url, _):
        one = timed(load(model, url, api="chat"), 12)
    assert one.engine["reasoning_tokens"] == 6
    assert one.token_ns[0] < 0.5 * one.engine["answer_ns"]
    assert one.engine["answer_ns"] == pytest.approx(int(one.token_ns[6]), rel=0.2)
    assert measure_trial(one).decode_rate is not None  # over both: the engine does the same work
    (told,) = [finding for finding in workload_findings("w", [one]) if finding.code == "reasoned"]
    assert told.text.startswith("6 tokens of reasoning, the first after ")
    assert "the first token of the answer after " in told.text


def test_an_answer_that_never_began_is_said_not_to_have_begun(model):
    with serving(chat=True, reasoning=99, ids=False) as (url, _):
        one = timed(load(model, url, api="chat"), 12)
    assert "answer_ns" not in one.engine
    (told,) = [finding for finding in workload_findings("w", [one]) if finding.code == "reasoned"]
    assert "no answer within the tokens asked for" in told.text


@pytest.mark.parametrize(
    "deltas",
    [
        [{"role": "assistant"}, *[{"content": "x"}] * 4],
        [{"role": "assistant", "content": ""}, {"content": ""}, *[{"content": "x"}] * 4, {"content": ""}],
        [{"role": "assistant", "content": None}, *[{"content": "x", "reasoning_content": None}] * 4],
        [{"role": "assistant", "content": "x"}, *[{"content": "x"}] * 3],
    ],
)
def test_what_brings_no_text_is_no_token(model, deltas):
    with serving(chat=True, raw_lines=events(*deltas), ids=False) as (url, _):
        loaded = load(model, url, api="chat")
        loaded._template = 10
        one = timed(loaded, 4)
    assert one.engine["chunks"] == one.engine["placed_tokens"] == one.engine["completion_tokens"] == 4


def test_a_chat_that_ends_early_is_told(model):
    lines = events(*[{"content": "x"}] * 3, finish="stop", usage={"prompt_tokens": 20, "completion_tokens": 3})
    with serving(chat=True, raw_lines=lines, ids=False) as (url, _):
        loaded = load(model, url, api="chat")
        with pytest.raises(RunFailed, match="3 tokens of 8"):
            timed(loaded, 8)
