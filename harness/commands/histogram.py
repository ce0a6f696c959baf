"""A distribution in the terminal: bars of block characters, from the raw samples beside the record."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.commands.bars import bar
from harness.record.samples import decode
from harness.record.store import Stored
from harness.units import significant

BINS, WIDTH = 12, 44


def histogram(stored: Stored, workload: str) -> list[str]:
    """Lines of a histogram of the inter-token latency in ms, from p0.5 to p99.5; what lies outside is counted."""
    values = _gaps_ms(stored, workload)
    if values.size < 2 * BINS:
        return []
    low, high = np.quantile(values, [0.005, 0.995])
    if high <= low:
        return [f"  every gap is {significant(float(low))} ms"]
    counts, edges = np.histogram(values, bins=BINS, range=(float(low), float(high)))
    lines = [_line(int(n), int(counts.max()), float(edges[i]), float(edges[i + 1])) for i, n in enumerate(counts)]
    below, above = int((values < low).sum()), int((values > high).sum())
    lines.append(
        f"  {values.size} gaps; {below} shorter, {above} longer (longest {significant(float(values.max()))} ms)"
    )
    return lines


def _line(count: int, most: int, low: float, high: float) -> str:
    return f"  {significant(low):>8}–{significant(high):<8} ms {bar(count / most if most else 0, WIDTH)} {count}"


def _gaps_ms(stored: Stored, workload: str) -> NDArray[np.float64]:
    columns = decode(stored.samples(), stored.record.samples.sha256, str(stored.path.parent))
    gaps = [
        np.diff(np.asarray(tokens, dtype=np.float64)) / 1e6
        for name, purpose, reason, tokens in zip(
            columns["workload"], columns["purpose"], columns["invalid_reason"], columns["token_ns"], strict=True
        )
        if name == workload and purpose == "timed" and not reason
    ]
    return np.concatenate(gaps) if gaps else np.zeros(0)
