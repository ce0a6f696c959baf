"""MLX's loop over a double of MLX that notes the order: what is queued, waited for and stamped."""

from types import SimpleNamespace

import pytest

from runtimes.mlx import LoadedMLX


class Double(LoadedMLX):
    """One cache; each step's id is its number."""

    def __init__(self):
        self.done, self.steps = [], 0
        self._mx = SimpleNamespace(
            array=list,
            eval=lambda one: self.done.append(f"waited for {one.number}") if hasattr(one, "number") else None,
            clear_cache=lambda: None,
            synchronize=lambda: self.done.append("all waited for"),
        )
        self._capacity, self._chunk = 64, 2048
        self._prompted, self._decoded, self._ahead = False, 0, False
        self._cache = [SimpleNamespace(offset=0, state=None)]
        self._model = self._compute

    def _compute(self, tokens, cache):
        cache[0].offset += len(tokens[0])

    def _prefill(self, tokens):
        self._cache[0].offset += len(tokens)

    def _queue(self, token, choose):
        self.steps += 1
        self._cache[0].offset += 1
        self.done.append(f"queued {self.steps}")
        return SimpleNamespace(number=self.steps, item=lambda number=self.steps: number)


class Watch:
    def __init__(self, done):
        self.start, self.token = (lambda: None), lambda: done.append("stamped")


@pytest.mark.parametrize("forced", [None, (7, 8, 9)])
def test_each_token_is_stamped_with_the_next_step_queued_the_last_one_too(forced):
    engine = Double()
    made = engine.generate((1, 2, 3, 4), 3, Watch(engine.done), forced=forced)
    assert made == list(forced or (1, 2, 3))
    stamped = [line for n in (1, 2, 3) for line in (f"queued {n + 1}", f"waited for {n}", "stamped")]
    assert engine.done == ["queued 1", *stamped, "all waited for"]
    assert engine.counters() == {"decode_steps": 2, "prefill_tokens": 4}


def test_a_prefill_alone_queues_nothing_ahead():
    engine = Double()
    assert engine.generate((1, 2, 3, 4), 0, Watch(engine.done), forced=()) == []
    assert engine.done == ["queued 1", "waited for 1", "stamped", "all waited for"]
    assert engine.counters() == {"decode_steps": 0, "prefill_tokens": 4}
