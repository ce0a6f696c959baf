"""The host clock of a trial: stamps into arrays that exist before the trial starts, and what a stamp costs.

In the timed region nothing is allocated that lives on, printed, locked or logged; the worker freezes the garbage
collector around it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from harness.measure.clocks import ClockReading as ClockReading
from harness.measure.trial import Stamps

# Under Linux this is CLOCK_MONOTONIC; its resolution and cost are measured by `self_test`, never assumed.
CLOCK_NAME = "time.perf_counter_ns"


class Events(Protocol):
    """The part of `runtimes.interface.EventPool` that is read here."""

    def elapsed_ns(self, count: int) -> Stamps:
        """Lengths between neighbours of the first `count` events."""


class Stopwatch:
    """Implements `runtimes.interface.Watch` for trials of at most `capacity` tokens."""

    __slots__ = (
        "_clock", "_steps", "_steps_made", "_tokens", "_tokens_made", "_view", "_view_steps", "host_ns", "started_ns",
    )  # fmt: skip

    def __init__(self, capacity: int) -> None:
        self._clock = time.perf_counter_ns
        self._tokens = np.zeros(max(capacity, 1), np.int64)
        self._steps = np.zeros(max(capacity, 1), np.int64)
        # Storing through a memoryview costs half of what numpy's own item assignment does.
        self._view = memoryview(self._tokens)  # type: ignore[arg-type]
        self._view_steps = memoryview(self._steps)  # type: ignore[arg-type]
        self._tokens_made = self._steps_made = 0
        self.started_ns = 0
        self.host_ns: int | None = None  # length of the trial by the host's clock, where a device timed its tokens

    def start(self) -> None:
        """Stamp t0."""
        self._tokens_made = self._steps_made = 0
        self.host_ns = None
        self.started_ns = self._clock()

    def step(self) -> None:
        """Stamp the end of a forward step."""
        self._view_steps[self._steps_made] = self._clock()
        self._steps_made += 1

    def token(self) -> None:
        """Stamp a token that the caller can use."""
        self._view[self._tokens_made] = self._clock()
        self._tokens_made += 1

    def again(self) -> None:
        """The newest stamp once more."""
        self._view[self._tokens_made] = self._view[self._tokens_made - 1]
        self._tokens_made += 1

    def at(self, host_ns: int) -> None:
        """Stamp a token of which it is known afterwards when it came."""
        self._view[self._tokens_made] = host_ns
        self._tokens_made += 1

    def device(self, events: Events, count: int) -> None:
        """The trial ended on the device just now: stamp that, then take its own times for the tokens."""
        ended = self._clock()
        made = count - 1
        self._tokens[:made] = self.started_ns + np.cumsum(events.elapsed_ns(count))
        self._tokens_made = made
        self.host_ns = ended - self.started_ns

    def token_ns(self) -> Stamps:
        """Shape (n,): nanoseconds from t0 to each token; a copy."""
        return self._tokens[: self._tokens_made] - self.started_ns

    def step_ns(self) -> Stamps:
        """Shape (n,) lengths of the forward steps, each from the token before it (or t0); empty if none was stamped."""
        made = self._steps_made
        if made == 0 or made != self._tokens_made:
            return np.zeros(0, np.int64)
        begins = np.concatenate(([self.started_ns], self._tokens[: made - 1]))
        return np.asarray(self._steps[:made] - begins, dtype=np.int64)


@dataclass(frozen=True, slots=True)
class ClockSelfTest:
    """What the instrument itself costs, in picoseconds and nanoseconds."""

    stamp_cost_ps: int  # one `token()` call, median of the rounds
    resolution_ns: int  # the smallest step between two different readings
    gap_p999_ns: int  # 99.9th percentile of the gap between readings taken back to back


def self_test(rounds: int = 9, stamps: int = 2000) -> ClockSelfTest:
    """Measure the cost of a stamp and the resolution of the clock; about 20 ms."""
    costs = []
    watch = Stopwatch(stamps)
    for _ in range(rounds):
        watch.start()
        begin = time.perf_counter_ns()
        for _ in range(stamps):
            watch.token()
        costs.append((time.perf_counter_ns() - begin) * 1000 // stamps)
    gaps = np.diff(watch.token_ns())
    # The smallest step of the clock itself: read it until it moves.
    steps = []
    for _ in range(stamps):
        before = time.perf_counter_ns()
        while (after := time.perf_counter_ns()) == before:
            pass
        steps.append(after - before)
    return ClockSelfTest(
        stamp_cost_ps=int(np.median(costs)),
        resolution_ns=min(steps),
        gap_p999_ns=int(np.quantile(gaps, 0.999)),
    )
