"""Whether a process has settled, from its warm-up trials so far: pyperf's half-comparison scaled down to few values.

pyperf skips leading values until two following halves of 20 agree. A trial of an engine takes seconds, so the halves here
hold 1 value after two or three trials and at most a few later; past the second trial the first is never among them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST", "MOST", "TOLERANCE", "needs_more", "settled"]

LEAST = 2  # full-shape trials: the first pays for page-in, JIT and graphs, the second shows whether that is over
MOST = 10  # what has not settled by then will not; the finding says so
TOLERANCE = 0.05  # pyperf's limit for quartiles; 3.5 sd of a difference at 1 % noise, so clean machines need two trials


def needs_more(values_ns: Sequence[int] | NDArray[np.float64], elapsed_s: float, cap_s: float = 120.0) -> bool:
    """Whether to warm up further, after trials that took `values_ns` (shape (n,), in order) and `elapsed_s` in all.

    Two are always run; `cap_s` and ten trials end it, settled or not.
    """
    if len(values_ns) < LEAST:
        return True
    return len(values_ns) < MOST and elapsed_s < cap_s and not settled(values_ns)


def settled(values_ns: Sequence[int] | NDArray[np.float64]) -> bool:
    """Whether the last two halves of the warm-up agree within 5 %, by their medians. False below two values."""
    values = np.asarray(values_ns, dtype=np.float64)
    if values.size < LEAST:
        return False
    half = max(1, (values.size - 1) // 2)
    before, after = float(np.median(values[-2 * half : -half])), float(np.median(values[-half:]))
    return before > 0 and after > 0 and abs(after - before) <= TOLERANCE * min(before, after)
