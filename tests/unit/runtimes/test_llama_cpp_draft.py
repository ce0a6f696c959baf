"""Drafts: what is looked up, what of it is kept, and what leaves the cache again, over a double of llama.cpp's C interface."""

from types import SimpleNamespace

import pytest

from harness.errors import RunFailed
from harness.measure.stopwatch import Stopwatch
from runtimes.support.llama_cpp_draft import Drafting, account
from runtimes.support.prompt_lookup import PromptLookup


def test_what_followed_the_newest_two_ids_before_is_guessed():
    lookup = PromptLookup([1, 2, 3, 4, 1, 2])
    assert lookup.guess(8) == [3, 4, 1, 2]
    assert lookup.guess(2) == [3, 4]
    assert lookup.guess(0) == []


def test_the_newest_occurrence_counts_and_the_very_end_is_none():
    assert PromptLookup([1, 2, 3, 1, 2, 9, 1, 2]).guess(1) == [9]
    assert PromptLookup([1, 2]).guess(4) == []
    assert PromptLookup([7]).guess(4) == []
    assert PromptLookup([5, 5, 5]).guess(4) == [5]


class Engine:
    """Gives after each id the one that `follows` says; writes down passes and what was taken out of the cache."""

    def __init__(self, follows, removes=True):
        self.follows, self.removes = follows, removes
        self.passes, self.removed, self.row = [], [], []

    def llama_decode(self, _context, batch):
        self.row = batch.token[: batch.n_tokens]
        self.passes.append([(batch.token[i], batch.pos[i]) for i in range(batch.n_tokens)])
        return 0

    def llama_synchronize(self, _context):
        pass

    def llama_memory_seq_rm(self, _memory, sequence, begin, end):
        self.removed.append((sequence, begin, end))
        return self.removes

    def chosen(self, slot):
        return self.follows[self.row[slot]]


def run(engine, before, first, output_tokens, most=4):
    batch = SimpleNamespace(n_tokens=0, token=[0] * 16, pos=[0] * 16, logits=[0] * 16)
    watch, made = Stopwatch(output_tokens), [first]
    watch.start()
    watch.token()
    found = Drafting(engine, None, None, batch, most).decode(
        before, made, output_tokens, watch, engine.chosen, pytest.fail
    )
    return made, found, watch.token_ns()


def test_a_draft_that_holds_saves_its_passes_and_changes_nothing():
    engine = Engine({1: 2, 2: 3, 3: 1})
    made, found, stamps = run(engine, [1, 2, 3, 1, 2], 3, 9)
    assert made == [3, 1, 2, 3, 1, 2, 3, 1, 2]
    assert found["decode_steps"] + found["accepted_tokens"] == len(made) - 1
    assert found["draft_tokens"] == found["accepted_tokens"]
    assert engine.removed == []
    assert engine.passes[0][0] == (3, 5)
    assert len(engine.passes) == found["decode_steps"] < 8
    assert stamps.size == 9
    assert len(set(stamps.tolist())) == 1 + found["decode_steps"]


def test_a_draft_that_fails_is_taken_back_from_the_first_wrong_id_on():
    engine = Engine({1: 2, 2: 3, 3: 8, 8: 1})
    made, found, _ = run(engine, [1, 2, 3, 4, 1], 2, 4)
    assert made == [2, 3, 8, 1]
    assert engine.passes[0] == [(2, 5), (3, 6), (4, 7)]
    assert engine.removed[0] == (0, 7, -1)
    assert found["decode_steps"] + found["accepted_tokens"] == 3
    assert found["accepted_tokens"] < found["draft_tokens"]


def test_never_more_than_asked_is_made():
    for count in range(1, 8):
        made, found, stamps = run(Engine({1: 1}), [1, 1, 1, 1, 1, 1], 1, count)
        assert len(made) == count == stamps.size
        assert found["decode_steps"] + found["accepted_tokens"] == count - 1


def test_a_cache_that_cannot_take_back_is_told_in_one_line():
    with pytest.raises(RunFailed, match="can't take a draft back"):
        run(Engine({1: 2, 2: 3, 3: 8, 8: 1}, removes=False), [1, 2, 3, 4, 1], 2, 4)


def test_the_account_is_the_engines_of_the_prompt_and_ours_of_the_passes():
    prefill = {"prefill_ns": 5, "prefill_tokens": 3, "decode_ns": 0, "decode_steps": 0}
    found = account(prefill, {"decode_steps": 2, "draft_tokens": 4, "accepted_tokens": 1})
    assert found == {
        "prefill_ns": 5, "prefill_tokens": 3, "decode_steps": 2, "draft_tokens": 4, "accepted_tokens": 1,
    }  # fmt: skip
