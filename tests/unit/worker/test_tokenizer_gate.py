"""An engine that splits text itself is held against the model's own tokenizer before anything is timed."""

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import BadInput, RunFailed
from harness.worker import tokenizer_gate
from harness.worker.plan import Plan, Prompt
from runtimes.interface import Capabilities

FRANCE = Prompt("The capital of France is", (504, 3575, 282, 4649, 314))


def loaded(made):
    """An engine that makes `made` of every text."""
    facts = SimpleNamespace(engine="engine", add_bos=True)
    return SimpleNamespace(facts=facts, tokenize=lambda _, add_bos: made, take=lambda _ids, _text: made)


@pytest.mark.parametrize(
    "can", [Capabilities(), Capabilities(takes_text=True), Capabilities(takes_text=True, tokenises=False)]
)
@pytest.mark.parametrize("made", [list(FRANCE.ids), FRANCE.ids])
def test_the_same_ids_pass(can, made):
    tokenizer_gate.hold(loaded(made), can, [FRANCE, FRANCE])


def test_a_count_passes_where_an_engine_tells_no_ids():
    tokenizer_gate.hold(loaded(5), Capabilities(takes_text=True, tokenises=False), [FRANCE])


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (11, "11 tokens in place of 5, of the text that begins 'The capital of France is'"),
        (0, "0 tokens in place of 5"),
        (list(range(11)), "11 tokens in place of 5, other ids from token 0 on"),
        ([504, 3575, 282, 4649, 315], "5 tokens in place of 5, other ids from token 4 on"),
        ([1, *FRANCE.ids], "6 tokens in place of 5, other ids from token 0 on"),
        (list(FRANCE.ids[:4]), "4 tokens in place of 5, other ids from token 4 on"),
        ([], "0 tokens in place of 5, other ids from token 0 on"),
        (True, "must give a list of token ids"),
        (None, "must give a list of token ids"),
        ("The", "must give a list of token ids"),
        ([504.0, 3575, 282, 4649, 314], "must give whole numbers"),
    ],
)
def test_anything_else_ends_the_worker_with_its_reason(made, words):
    with pytest.raises(RunFailed) as caught:
        tokenizer_gate.hold(loaded(made), Capabilities(takes_text=True), [FRANCE])
    assert words in str(caught.value)
    assert (caught.value.code, caught.value.exit_code) == ("tokenizer", 3)


def test_nothing_is_asked_of_an_engine_that_has_nothing_to_be_held_against():
    tokenizer_gate.hold(loaded(None), Capabilities(), [])


def test_a_server_is_held_to_its_own_ids_where_it_tells_them():
    can = Capabilities(tokenises=False, holds_model=False)
    tokenizer_gate.hold(loaded(list(FRANCE.ids)), can, [FRANCE])
    with pytest.raises(RunFailed) as caught:
        tokenizer_gate.hold(loaded(list(range(11))), can, [FRANCE])
    assert caught.value.code == "tokenizer"


def test_a_server_without_a_tokenizer_is_held_by_the_counts_of_its_trials_and_by_no_other_error():
    def refuse(code):
        def tokenize(_text, add_bos):
            raise BadInput("turns no text into ids", code=code)

        return SimpleNamespace(facts=SimpleNamespace(engine="engine", add_bos=True), tokenize=tokenize)

    can = Capabilities(tokenises=False, holds_model=False)
    tokenizer_gate.hold(refuse("no tokenizer"), can, [FRANCE])
    for code, able in (("", can), ("no tokenizer", Capabilities())):
        with pytest.raises(BadInput):
            tokenizer_gate.hold(refuse(code), able, [FRANCE])


def words_of(text):
    """A tokenizer whose ids depend on what follows: a word that was cut is another token."""
    return [sum(map(ord, word)) for word in text.split(" ")]


def test_the_text_of_so_many_ids_is_the_beginning_that_has_just_these():
    text = "one two three four"
    assert tokenizer_gate.text_of(text, words_of(text)[:2], words_of) == "one two"
    assert tokenizer_gate.text_of(text, words_of(text), words_of) == text
    assert tokenizer_gate.text_of(text, [1, 2], words_of) is None


@given(st.lists(st.text("abc", min_size=1, max_size=9), min_size=1, max_size=40), st.data())
def test_a_text_that_is_found_always_has_exactly_the_ids(words, data):
    text = " ".join(words)
    count = data.draw(st.integers(1, len(words)))
    found = tokenizer_gate.text_of(text, words_of(text)[:count], words_of)
    assert found is not None
    assert text.startswith(found)
    assert words_of(found) == words_of(text)[:count]


def test_a_plan_carries_it_to_the_worker():
    plan = Plan("mine", "m.gguf", "gguf", {}, lengths={"a": 3, "b": None}, reference=(FRANCE,))
    assert Plan.from_json(plan.to_json()) == plan
