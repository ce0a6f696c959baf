"""Several requests at once over a double of llama.cpp's C interface, which writes down what it is given."""

from types import SimpleNamespace

import pytest

from harness.errors import BadInput
from harness.measure.stopwatch import Stopwatch
from runtimes.support.llama_cpp_sequences import Sequences
from runtimes.support.llama_cpp_states import States


class Engine:
    """Every decode of a batch, as (token, position, sequence, wants logits)."""

    def __init__(self):
        self.decoded = []
        self.prefill = self.steps = 0

    def llama_batch_init(self, capacity, _embeddings, _sequences):
        return SimpleNamespace(
            n_tokens=0, token=[0] * capacity, pos=[0] * capacity, logits=[0] * capacity,
            n_seq_id=[0] * capacity, seq_id=[[0] for _ in range(capacity)],
        )  # fmt: skip

    def llama_decode(self, _context, b):
        self.decoded.append([(b.token[i], b.pos[i], b.seq_id[i][0], b.logits[i]) for i in range(b.n_tokens)])
        if b.n_tokens == 1:
            self.steps += 1
        else:
            self.prefill += b.n_tokens
        return 0

    def llama_synchronize(self, _context):
        pass

    def llama_batch_free(self, _batch):
        pass

    def counters(self):
        return {
            "prefill_ns": 10 * self.prefill,
            "prefill_tokens": self.prefill,
            "decode_ns": 7 * self.steps,
            "decode_steps": self.steps,
        }


def made(prompts, output_tokens, capacity=64, sequences=8):
    engine = Engine()
    watches = [Stopwatch(output_tokens) for _ in prompts]
    several = Sequences(engine, None, capacity, sequences)
    found = several.generate(prompts, output_tokens, watches, lambda slot: 100 + slot, engine.counters, pytest.fail)
    return engine, found, watches


def test_each_request_has_a_sequence_and_goes_on_behind_its_own_prompt():
    engine, found, watches = made([[1, 2, 3], [4]], 3)
    assert engine.decoded[0] == [(1, 0, 0, False), (2, 1, 0, False), (3, 2, 0, True), (4, 0, 1, True)]
    assert engine.decoded[1] == [(102, 3, 0, 1), (103, 1, 1, 1)]
    assert engine.decoded[2] == [(100, 4, 0, 1), (101, 2, 1, 1)]
    assert [ids for ids, _ in found] == [[102, 100, 100], [103, 101, 101]]
    assert all(watch.token_ns().size == watch.step_ns().size == 3 for watch in watches)


def test_the_engines_account_is_taken_apart_though_it_books_steps_of_several_as_prefill():
    _, found, _ = made([[1, 2, 3], [4]], 3)
    first, second = (account for _, account in found)
    assert (first["prefill_tokens"], second["prefill_tokens"]) == (3, 1)
    assert first["prefill_ns"] == second["prefill_ns"] == 40
    assert first["decode_ns"] == 40
    assert first["decode_steps"] == 2


def test_one_request_alone_is_accounted_for_as_well():
    _, ((ids, account),), _ = made([[1, 2, 3]], 4)
    assert len(ids) == 4
    assert account == {"prefill_ns": 30, "prefill_tokens": 3, "decode_ns": 21, "decode_steps": 3}


def test_a_prompt_that_spans_chunks_has_its_token_when_its_last_chunk_ends():
    engine, found, watches = made([[1, 2, 3], [4, 5, 6]], 2, capacity=4)
    assert [len(batch) for batch in engine.decoded] == [4, 2, 2]
    assert [ids[0] for ids, _ in found] == [102, 101]
    assert watches[0].token_ns()[0] < watches[1].token_ns()[0]
    assert [account["prefill_tokens"] for _, account in found] == [3, 3]


def test_more_requests_than_sequences_are_refused_in_one_line():
    with pytest.raises(BadInput, match="3 requests at once, and the context has 2 sequences"):
        made([[1], [2], [3]], 2, sequences=2)


def test_a_saved_depth_is_copied_back_and_another_is_not():
    copied = []
    engine = SimpleNamespace(
        llama_state_seq_get_size=lambda _c, _s: 16,
        llama_state_seq_get_data=lambda _c, _held, size, _s: size,
        llama_state_seq_set_data=lambda _c, held, size, _s: copied.append(held) or size,
    )
    states = States(engine, None)
    assert not states.restore((1, 2))
    states.save((1, 2))
    assert states.restore((1, 2))
    assert not states.restore((1, 2, 3))
    assert len(copied) == 1


def test_what_is_too_large_to_save_is_computed_anew():
    engine = SimpleNamespace(llama_state_seq_get_size=lambda _c, _s: 1 << 31)
    states = States(engine, None)
    states.save((1,))
    assert not states.restore((1,))
