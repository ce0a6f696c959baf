"""Several requests at once in llama.cpp: each in a sequence of its own, decoded in step, as llama-batched-bench does.

All prompts are computed first, then each step feeds one token of every request. Nothing is shared between sequences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.errors import BadInput
from runtimes.interface import Watch

MAX_SEQUENCES = 256  # LLAMA_MAX_SEQ
Made = list[tuple[list[int], Mapping[str, int]]]


class Sequences:
    """A batch of `capacity` tokens over `count` sequences of one context."""

    def __init__(self, engine: Any, context: Any, capacity: int, count: int) -> None:
        self._engine, self._context, self._capacity, self.count = engine, context, capacity, count
        self._batch = engine.llama_batch_init(capacity, 0, 1)
        for slot in range(capacity):
            self._batch.n_seq_id[slot] = 1

    def generate(
        self,
        prompts: Sequence[Sequence[int]],
        output_tokens: int,
        watches: Sequence[Watch],
        choose: Callable[[int], int],
        counters: Callable[[], Mapping[str, int]],
        refuse: Callable[[int], None],
    ) -> Made:
        """See `Batching.generate_batch`; `choose` takes the slot of the logits, `refuse` a code of llama_decode."""
        if len(prompts) > self.count:
            raise BadInput(
                f"{len(prompts)} requests at once, and the context has {self.count} sequences",
                where="-o sequences",
                fix=f"give {len(prompts)} or leave it out",
            )
        batch, everyone = self._batch, range(len(prompts))
        made: list[list[int]] = [[] for _ in prompts]
        fed = [(token, place, request) for request in everyone for place, token in enumerate(prompts[request])]
        for watch in watches:
            watch.start()
        for begin in range(0, len(fed), self._capacity):
            self._prefill(prompts, fed[begin : begin + self._capacity], made, watches, choose, refuse)
        prefill = counters()
        for slot in everyone:
            batch.seq_id[slot][0] = slot
            batch.logits[slot] = 1
        batch.n_tokens = len(prompts)
        for index in range(1, output_tokens):
            for slot in everyone:
                batch.token[slot] = made[slot][-1]
                batch.pos[slot] = len(prompts[slot]) + index - 1
            self._decode(refuse)
            for watch in watches:
                watch.step()
            for slot in everyone:
                made[slot].append(choose(slot))
            for watch in watches:
                watch.token()
        accounts = _accounts(prompts, prefill, counters())
        return list(zip(made, accounts, strict=True))

    def _prefill(
        self,
        prompts: Sequence[Sequence[int]],
        chunk: Sequence[tuple[int, int, int]],
        made: list[list[int]],
        watches: Sequence[Watch],
        choose: Callable[[int], int],
        refuse: Callable[[int], None],
    ) -> None:
        """One chunk; the requests whose prompt ends in it have their first token then."""
        batch = self._batch
        ended: list[tuple[int, int]] = []
        for slot, (token, place, request) in enumerate(chunk):
            last = place == len(prompts[request]) - 1
            batch.token[slot] = token
            batch.pos[slot] = place
            batch.seq_id[slot][0] = request
            batch.logits[slot] = last
            if last:
                ended.append((request, slot))
        batch.n_tokens = len(chunk)
        self._decode(refuse)
        for request, _ in ended:
            watches[request].step()
        for request, slot in ended:
            made[request].append(choose(slot))
        for request, _ in ended:
            watches[request].token()

    def _decode(self, refuse: Callable[[int], None]) -> None:
        code = self._engine.llama_decode(self._context, self._batch)
        if code:
            refuse(code)
        self._engine.llama_synchronize(self._context)

    def close(self) -> None:
        """Free the batch."""
        self._engine.llama_batch_free(self._batch)


def _accounts(
    prompts: Sequence[Sequence[int]], prefill: Mapping[str, int], whole: Mapping[str, int]
) -> list[dict[str, int]]:
    """Each request's share of the engine's account. It books a step of several tokens as prefill: what came after the
    prompts is what the whole has more.
    """
    asked = sum(map(len, prompts))
    counted = prefill["prefill_tokens"] + prefill["decode_steps"]
    spent = prefill["prefill_ns"] + prefill["decode_ns"]
    tokens = whole["prefill_tokens"] + whole["decode_steps"] - counted
    decode = whole["prefill_ns"] + whole["decode_ns"] - spent
    return [
        {
            "prefill_ns": spent,
            "prefill_tokens": len(prompt) * counted // asked,
            "decode_ns": decode,
            "decode_steps": tokens // len(prompts),
        }
        for prompt in prompts
    ]
