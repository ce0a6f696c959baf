"""Speculative decoding in llama.cpp: a pass over the weights computes the newest token and a draft of those after it, and
keeps as much of the draft as the model itself would have chosen. Greedy, so nothing but the speed may change.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from harness.errors import RunFailed
from runtimes.interface import Scalar, Watch
from runtimes.support.prompt_lookup import NGRAM, PromptLookup

METHODS = {"none": "", "lookup": "prompt-lookup"}  # option → what the record says
MAX_DRAFT = 64


class Drafting:
    """The decode loop of one request at a time, in sequence 0 of a context."""

    def __init__(self, engine: Any, context: Any, memory: Any, batch: Any, most: int) -> None:
        self._engine, self._context, self._memory, self._batch, self._most = engine, context, memory, batch, most

    def settings(self, method: str) -> dict[str, Scalar]:
        """As a record holds them: such a run is a subject of its own."""
        return {"speculative": METHODS[method], "draft_max": self._most, "draft_ngram": NGRAM}

    def decode(
        self,
        before: Sequence[int],
        made: list[int],
        output_tokens: int,
        watch: Watch,
        choose: Callable[[int], int],
        refuse: Callable[[int], None],
    ) -> dict[str, int]:
        """Extend `made`, whose first token follows the ids `before`; passes, drafted and accepted tokens.

        What a pass gave is there at one moment: its first token is stamped, and the others with it.
        """
        lookup = PromptLookup([*before, *made])
        passes = drafted = accepted = 0
        while len(made) < output_tokens:
            guess = lookup.guess(min(self._most, output_tokens - len(made) - 1))
            begin = len(before) + len(made) - 1
            self._pass([made[-1], *guess], begin, refuse)
            new: list[int] = []
            for slot in range(len(guess) + 1):
                new.append(choose(slot))
                if slot < len(guess) and new[-1] != guess[slot]:
                    break
            watch.token()
            for _ in new[1:]:
                watch.again()
            for token in new:
                made.append(token)
                lookup.add(token)
            passes, drafted, accepted = passes + 1, drafted + len(guess), accepted + len(new) - 1
            if len(new) <= len(guess):
                self._take_back(begin + len(new))
        return {"decode_steps": passes, "draft_tokens": drafted, "accepted_tokens": accepted}

    def _pass(self, ids: Sequence[int], begin: int, refuse: Callable[[int], None]) -> None:
        batch = self._batch
        for slot, token in enumerate(ids):
            batch.token[slot] = token
            batch.pos[slot] = begin + slot
            batch.logits[slot] = 1
        batch.n_tokens = len(ids)
        code = self._engine.llama_decode(self._context, batch)
        if code:
            refuse(code)
        self._engine.llama_synchronize(self._context)

    def _take_back(self, begin: int) -> None:
        """What was drafted and not accepted leaves the cache; a recurrent state can't be taken back."""
        if not self._engine.llama_memory_seq_rm(self._memory, 0, begin, -1):
            raise RunFailed("this architecture's cache can't take a draft back", where="-o draft")


def account(prefill: Mapping[str, int], decode: Mapping[str, int]) -> dict[str, int]:
    """The engine's account of the prompt, and ours of the passes: it books a pass of several tokens as prefill."""
    return {name: value for name, value in prefill.items() if not name.startswith("decode_")} | dict(decode)
