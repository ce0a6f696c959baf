"""What the stamps of one answer say about its pace: which tokens came after the first moment, and whether that is a pace at all.

A chunk of a stream is not a token, and a proxy may hold chunks back or release many at once. Tokens that came together have
no gap between them; those that came with the first have no decode time here at all. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.measure.counters import Account

__all__ = ["Pace", "is_stream", "pace_of"]

# What follows within 200 µs came together: no server makes 5,000 tokens a second and sends each in an event of its own.
TOGETHER_NS = 200_000
LEAST_MOMENTS = 4  # with fewer, where tokens came together, the rate is one of the stream's pauses
LEAST_SHARE = 0.25  # of the decode tokens that must have come after the first moment
SINGLES = 0.9  # of the moments that must have brought one token: only then is there a time between tokens
UNPLACED = 0.01  # of the decode tokens: as many may have come in any chunk, and are then not counted
UNEVEN = 3.0  # the first half so much faster than the second: tokens were held back, then let go
LEAST_HALVES = 8  # moments from which two halves are compared

Gaps = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pace:
    """`steps` tokens came in `span_ns` after the first moment; `first` came with it, 0: nobody knows how many.

    `reason`: why no pace can be read, or "". `itl` holds the times between successive tokens, ns, of those that came alone;
    None where too many came together.
    """

    first: int
    steps: int
    span_ns: float
    itl: Gaps | None
    reason: str = ""


def is_stream(engine: Mapping[str, int]) -> bool:
    """Whether a trial was stamped at the client of a stream."""
    return Account.CHUNKS in engine


def pace_of(token_ns: NDArray[np.int64], engine: Mapping[str, int]) -> Pace:
    """The pace of one answer with a prompt; `token_ns` of shape (n,), ns from the trial's start.

    `engine` tells of a stream how many `chunks` it had and of how many tokens it is known in which they came (`placed_tokens`).
    """
    if not is_stream(engine):
        return _stamped(token_ns)
    chunks, tokens = engine[Account.CHUNKS], token_ns.size
    unplaced = max(tokens - engine.get(Account.PLACED_TOKENS, chunks), 0)
    if unplaced > UNPLACED * (tokens - 1):
        return _unreadable(0, f"{tokens} tokens came in {chunks} chunks, and which came in which is not told")
    # Stamped as of the end, they may have come with the first: the rate is then the lower of the two.
    return _streamed(token_ns[: tokens - unplaced])


def _stamped(token_ns: NDArray[np.int64]) -> Pace:
    """Tokens stamped by the engine's own process: only those of one and the same stamp came together."""
    first = int(np.count_nonzero(token_ns == token_ns[0]))
    first = 1 if first == token_ns.size else first
    gaps = np.diff(token_ns).astype(np.float64)[first - 1 :]
    return Pace(first, gaps.size, float(token_ns[-1] - token_ns[0]), gaps)


def _streamed(token_ns: NDArray[np.int64]) -> Pace:
    starts = np.concatenate(([0], np.flatnonzero(np.diff(token_ns) > TOGETHER_NS) + 1))
    sizes = np.diff(np.concatenate((starts, [token_ns.size])))
    first, later = int(sizes[0]), sizes[1:]
    steps, moments = int(later.sum()), later.size
    if token_ns.size > 1 and not steps:
        return _unreadable(first, f"all {token_ns.size} tokens came at one moment")
    if steps < LEAST_SHARE * (token_ns.size - 1):
        return _unreadable(first, f"{first} of {token_ns.size} tokens came with the first")
    if moments < min(LEAST_MOMENTS, steps):
        return _unreadable(first, f"{token_ns.size} tokens came at {moments + 1} moments")
    gaps = np.diff(token_ns[starts]).astype(np.float64)
    half = moments // 2
    if moments >= LEAST_HALVES:
        early, late = (float(np.median(part)) for part in np.split(gaps / later, [half]))
        if early * UNEVEN < late:
            return _unreadable(first, f"its first half came {late / early:.1f} times as fast as its second")
    alone = gaps[later == 1]
    itl = alone if steps and alone.size >= SINGLES * moments else None
    return Pace(first, steps, float(token_ns[starts[-1]] - token_ns[0]), itl)


def _unreadable(first: int, reason: str) -> Pace:
    return Pace(first, 0, 0.0, None, reason)
