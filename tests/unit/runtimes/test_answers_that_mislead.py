"""Streams whose events are not what they seem: tokens without a text, counts that contradict, answers that nobody asked for."""

import json
import time

import pytest

from harness.errors import RunFailed
from harness.measure.metrics import measure_trial
from harness.measure.stopwatch import Stopwatch
from runtimes.support.ollama_stream import Lines
from tests.support.model_server import serving
from tests.support.server_trials import PROMPT, line, load, timed

STEP_S = 0.005


class Paced(list):
    """Lines that a server sends one step after the other."""

    def __iter__(self):
        for sent in super().__iter__():
            time.sleep(STEP_S)
            yield sent


def event(text="x", finish=None, count=16, **choice):
    """With an empty text it may be a token all the same; the last one says how many there were."""
    told = {"usage": {"prompt_tokens": len(PROMPT), "completion_tokens": count}} if finish else {}
    said = {} if "delta" in choice else {"text": text}
    return (
        b"data: "
        + json.dumps({"choices": [{"index": 0, **said, "finish_reason": finish, **choice}], **told}).encode()
        + b"\n\n"
    )


END = event("", "length")
CALL = {"delta": {"tool_calls": [{"index": 0, "function": {"arguments": "x"}}]}}


@pytest.mark.parametrize("silent", [event(""), event(**CALL), event(delta={"refusal": "no"})])
def test_an_answer_lasts_until_its_last_token_whether_that_has_a_text_or_not(model, silent):
    with serving(raw_lines=Paced([*[event()] * 8, *[silent] * 8, END])) as (url, _):
        found = measure_trial(timed(load(model, url), 16))
    assert found.e2e >= 16 * STEP_S * 1e9
    assert (found.decode_rate, found.prefill_rate) == (None, None)


def test_where_the_first_text_may_not_be_the_first_token_there_is_no_prefill_rate(model):
    with serving(raw_lines=Paced([*[event("")] * 8, *[event()] * 8, END])) as (url, _):
        found = measure_trial(timed(load(model, url), 16))
    assert found.ttft >= 9 * STEP_S * 1e9  # what a client sees
    assert found.prefill_rate is None


@pytest.mark.parametrize(
    "events",
    [
        [event(token_ids=list(range(number + 1))) for number in range(16)],  # all ids so far, in each
        [event(token_ids=[number, number]) for number in range(16)],
    ],
)
def test_ids_of_more_tokens_than_the_server_says_it_made_are_refused(model, events):
    with serving(raw_lines=[*events, END]) as (url, _):
        loaded = load(model, url)
        with pytest.raises(RunFailed, match="events hold more tokens, by their ids or counts, than the 16") as error:
            timed(loaded, 16)
    assert line(error)


def test_a_running_count_that_the_end_contradicts_is_refused(model):
    counting = [
        b'data: {"choices": [{"text": "x"}], "timings": {"predicted_n": %d}}\n\n' % (number + 5) for number in range(16)
    ]
    last = b'data: {"choices": [], "usage": {"prompt_tokens": %d, "completion_tokens": 16}}\n\n' % len(PROMPT)
    with serving(raw_lines=[*counting, last]) as (url, _):
        loaded = load(model, url)
        with pytest.raises(RunFailed, match="than the 16 that it says it made"):
            timed(loaded, 16)


@pytest.mark.parametrize(
    "events",
    [
        [event(index=number % 2) for number in range(16)],  # eight tokens of each of two answers
        [b'data: {"choices": [{"index": 0, "text": "x"}, {"index": 1, "text": "y"}]}\n\n'] * 16,
    ],
)
def test_several_answers_at_once_are_not_one(model, events):
    with serving(raw_lines=[*events, END]) as (url, _):
        loaded = load(model, url)
        with pytest.raises(RunFailed, match="sends several answers at once") as error:
            timed(loaded, 16)
    assert line(error)


def lines_of(texts, eval_count, limit=16):
    """What Ollama's lines with these texts are stamped as."""
    watch = Stopwatch(limit)
    lines = Lines(watch, limit)
    lines.begin()
    for text in texts:
        time.sleep(STEP_S / 5)
        lines.take(json.dumps({"response": text, "done": False}).encode())
    time.sleep(STEP_S)
    lines.take(json.dumps({"response": "", "done": True, "eval_count": eval_count}).encode())
    lines.fill()
    return lines, watch.token_ns()


def test_an_answer_of_ollama_lasts_until_its_end_where_its_last_tokens_have_no_text():
    lines, token_ns = lines_of(["x"] * 12, 16)
    assert token_ns.size == 16
    assert token_ns[-1] - token_ns[11] >= STEP_S * 1e9
    assert lines.counters["placed_tokens"] == 12


@pytest.mark.parametrize(("texts", "eval_count", "placed"), [(16, 32, 0), (16, 17, 15), (40, 40, 16), (18, 16, 14)])
def test_lines_of_ollama_that_are_not_as_many_as_its_tokens_are_not_placed(texts, eval_count, placed):
    lines, _ = lines_of(["x"] * texts, eval_count)
    assert lines.counters["placed_tokens"] == placed


def test_a_time_of_nought_is_no_account_of_ollama():
    lines, _ = lines_of(["x"] * 16, 16)
    lines.take(
        json.dumps({"response": "", "done": True, "eval_count": 16, "eval_duration": 0, "load_duration": 5}).encode()
    )
    assert "decode_ns" not in lines.counters
    assert lines.counters["load_ns"] == 5


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("length", "the server ended the answer by itself (done_reason: length): 3 of 16 tokens had come"),
        ("unload", "done_reason: unload"),
        ("stop", "the model ended its text: 3 of 16 tokens had come"),
    ],
)
def test_why_ollama_ended_an_answer_is_said_as_it_says_it(reason, said):
    lines, _ = lines_of(["x"] * 3, 3)
    lines.take(json.dumps({"response": "", "done": True, "eval_count": 3, "done_reason": reason}).encode())
    with pytest.raises(RunFailed) as error:
        lines.refuse_incomplete("")
    assert said in line(error)
