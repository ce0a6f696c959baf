"""Reasoning that a server leaves in the text of its answer is no answer, however the stream is cut."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from harness.measure.stopwatch import Stopwatch
from runtimes.support.chunks import Chunks
from runtimes.support.ollama_stream import Lines
from runtimes.support.reasoning import MARKS, Reasoning


def told(*pieces):
    """Of pieces of content, a token each, at 1, 2, 3 …"""
    reasoning = Reasoning()
    for number, piece in enumerate(pieces, 1):
        reasoning.take(1, None, piece, number)
    return reasoning.counters


@pytest.mark.parametrize(("opening", "close"), MARKS.items())
def test_what_stands_between_the_marks_is_reasoning(opening, close):
    assert told(opening, "so ", "it is", close, "\n\n", "Paris", ".") == {"reasoning_tokens": 4, "answer_ns": 6}
    assert told("\n" + opening, "so", close + " Paris") == {"reasoning_tokens": 3, "answer_ns": 3}


def test_an_answer_that_never_began_has_no_moment():
    assert told("<think>", "so", " it", " is") == {"reasoning_tokens": 4}
    assert told("<think>", "so", "</think>", "\n") == {"reasoning_tokens": 3}


def test_reasoning_that_the_template_opened_shows_by_its_end():
    assert told("so ", "it is", "</think>", "Paris") == {"reasoning_tokens": 3, "answer_ns": 4}


@pytest.mark.parametrize(
    "pieces", [["Paris", "."], ["<", "b>Paris</b>"], ["a <think> tag"], ["<thin", "g>"], ["", "\n", " "], ["[", "1]"]]
)
def test_an_answer_without_reasoning_has_no_account_of_any(pieces):
    assert told(*pieces) == {}


def test_what_the_server_takes_apart_stays_apart():
    reasoning = Reasoning()
    for number, (thought, said) in enumerate([("so", None), ("it", ""), (None, "<think>"), (None, "x</think>")], 1):
        reasoning.take(1, thought, said, number)
    assert reasoning.counters == {"reasoning_tokens": 2, "answer_ns": 3}


@given(st.sampled_from(sorted(MARKS)), st.text("ab <>/|", max_size=40), st.lists(st.integers(1, 9), min_size=1))
@example("<think>", "", [1])
def test_however_it_is_cut_the_answer_begins_with_its_first_letter(opening, thought, sizes):
    text = f"{opening}{thought}{MARKS[opening]}\nParis is"
    pieces, at = [], 0
    while at < len(text):
        size = sizes[len(pieces) % len(sizes)]
        pieces.append(text[at : at + size])
        at += size
    ends = [len("".join(pieces[: number + 1])) for number in range(len(pieces))]
    first = next(number for number, end in enumerate(ends, 1) if end > text.index("Paris"))
    assert told(*pieces)["answer_ns"] == first


@pytest.mark.parametrize("chat", [True, False])
def test_a_stream_of_completions_or_chats_is_booked_so(chat):
    chunks = Chunks(Stopwatch(6), 6)
    chunks.begin()
    for piece in ["<think>", "so", "</think>", "\n", "Paris", "."]:
        said = {"delta": {"content": piece}} if chat else {"text": piece}
        assert chunks.take(json.dumps({"choices": [said]}).encode())
    assert chunks.counters["reasoning_tokens"] == 3
    assert chunks.counters["answer_ns"] > 0


@pytest.mark.parametrize("thinking", [True, False])
def test_so_are_the_lines_of_ollama(thinking):
    lines = Lines(Stopwatch(4), 4)
    lines.begin()
    for thought, said in [("so", ""), ("it", ""), ("", "Paris")] if thinking else [
        ("", "<think>"), ("", "so</think>"), ("", "Paris")
    ]:  # fmt: skip
        assert lines.take(json.dumps({"response": said, "thinking": thought}).encode())
    assert lines.counters["reasoning_tokens"] == 2
    assert lines.counters["answer_ns"] > 0
