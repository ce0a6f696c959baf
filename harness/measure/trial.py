"""The samples of one trial: what a worker measured, before any statistics. Never holds a derived number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

Stamps = NDArray[np.int64]


class Purpose(StrEnum):
    """Why a trial was run. Only `TIMED` trials enter an estimate; all are kept."""

    WARMUP = "warmup"
    TIMED = "timed"
    DISTINCT = "distinct"  # a prompt never seen before in the process: the cache-honesty check


class Mode(StrEnum):
    """Who chooses the tokens: the model (what a user gets), or a list given beforehand (llama-bench's pp and tg)."""

    GREEDY = "greedy"
    FORCED = "forced"


@dataclass(frozen=True, slots=True)
class Trial:
    """One prompt, generated once.

    `token_ns` has shape (n,), int64: nanoseconds from the trial's start to the moment when each output token was
    available to the caller (t1 − t0 … tn − t0). A prefill-only trial (no output tokens) holds one value: the end
    of the prefill. A trial without prompt tokens (forced decode from an empty cache) holds one value a token.
    `step_ns` has shape (m,), int64: the length of each forward step alone, in order, prefill first where there is
    one; empty where the runtime does not expose it.
    `counters` are deltas over the trial (`minor_faults`, `major_faults`, `involuntary_switches`, `cpu_ns`,
    `cpu_throttled_ns`, …); `engine` are the runtime's own counters (`prefill_ns`, `prefill_tokens`, `decode_ns`,
    `decode_steps`), where it has them.
    """

    process: int
    order: int  # position within its process, warm-ups included
    workload: str
    purpose: Purpose
    mode: Mode
    prompt_tokens: int
    output_tokens: int  # as asked for by the workload
    start_ns: int  # from the process's first trial to this trial's start
    token_ns: Stamps
    step_ns: Stamps
    output_ids: Sequence[int] = ()
    counters: Mapping[str, int] = field(default_factory=dict)
    engine: Mapping[str, int] = field(default_factory=dict)
    invalid_reason: str = ""

    @property
    def valid(self) -> bool:
        """False only by a rule that was declared before the run."""
        return not self.invalid_reason
