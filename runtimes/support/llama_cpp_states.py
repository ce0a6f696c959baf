"""What a sequence of llama.cpp holds, saved: a depth is computed once in a process and copied back for each trial, as
llama-bench does.
"""

from __future__ import annotations

import ctypes
from typing import Any

MOST_BYTES = 1 << 30  # of all that is saved; what does not fit is computed anew each time


class States:
    """Copies of sequence 0 by the ids that it holds."""

    def __init__(self, engine: Any, context: Any) -> None:
        self._engine, self._context = engine, context
        self._saved: dict[tuple[int, ...], Any] = {}
        self._bytes = 0

    def restore(self, ids: tuple[int, ...]) -> bool:
        """Into the empty cache; false where it is not saved, or the engine does not take it back."""
        held = self._saved.get(ids)
        if held is None:
            return False
        return bool(self._engine.llama_state_seq_set_data(self._context, held, len(held), 0))

    def save(self, ids: tuple[int, ...]) -> None:
        """What the cache holds now, if there is room for it."""
        size = int(self._engine.llama_state_seq_get_size(self._context, 0))
        if ids in self._saved or self._bytes + size > MOST_BYTES:
            return
        held = (ctypes.c_uint8 * size)()
        if self._engine.llama_state_seq_get_data(self._context, held, size, 0) == size:
            self._saved[ids] = held
            self._bytes += size
