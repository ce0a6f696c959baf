"""Forced decode in vLLM, which always samples: the choice is overruled, not left out."""

from __future__ import annotations

from contextlib import suppress
from typing import Any


def forcing() -> type:
    """A logits processor that makes a request's next token the one it was given: one element a step is written.

    vLLM has two model runners, each with an interface of its own: the newer one on GPUs, the older where Triton is
    missing. This class answers to both. Only the older one has run here.
    """
    from vllm.v1.sample.logits_processor import LogitsProcessor

    bases: list[type] = [LogitsProcessor]
    with suppress(ImportError):
        from vllm.v1.worker.gpu.sample.logits_processor import LogitsProcessor as Newer

        bases.append(Newer)

    class Forcing(*bases):  # type: ignore[misc]
        def __init__(self, *_: Any) -> None:
            self._rows: dict[int, tuple[Any, Any]] = {}  # place → ids, and tokens made so far or the prompt's length

        def is_argmax_invariant(self) -> bool:
            return False

        def update_state(self, batch_update: Any) -> None:
            """The older runner's: places are rows of the batch."""
            if batch_update is None:
                return
            for index in batch_update.removed:
                self._rows.pop(index, None)
            for index, params, _, made in batch_update.added:
                forced = (params.extra_args or {}).get("forced")
                self._rows.pop(index, None)
                if forced is not None:
                    self._rows[index] = (forced, made)
            for begin, end, direction in batch_update.moved:
                one, other = self._rows.pop(begin, None), self._rows.pop(end, None)
                if one is not None:
                    self._rows[end] = one
                if other is not None and direction.name == "SWAP":
                    self._rows[begin] = other

        def add_request(self, slot: int, params: Any) -> bool:
            """The newer runner's: places are slots that a request keeps."""
            given = params.extra_args or {}
            self._rows.pop(slot, None)
            if "forced" in given:
                self._rows[slot] = (given["forced"], given["prompt_tokens"])
            return "forced" in given

        def apply(self, logits: Any, context: Any = None) -> Any:
            if context is None:
                for index, (forced, made) in self._rows.items():
                    logits[index, forced[len(made)]] = float("inf")
                return logits
            seen = context.seq_lens_upper_bound_np  # exact without speculation
            for row, slot in enumerate(context.idx_mapping_np):
                forced, prompt = self._rows.get(int(slot), ((), 0))
                place = int(seen[row]) - prompt
                if 0 <= place < len(forced):  # before that, a part of the prompt is still to come
                    logits[row, forced[place]] = float("inf")
            return logits

    return Forcing
