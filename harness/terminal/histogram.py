"""A distribution in the terminal: bars of block characters, from the raw samples beside the record."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from harness.measure.distribution import shown_range
from harness.measure.metrics import measure_trials
from harness.measure.trial import Purpose
from harness.record.samples import decode
from harness.record.store import Stored
from harness.terminal.bars import bar
from harness.units import significant
from harness.verify.trials import trials_of

BINS, BESIDE = 12, 36  # rows, and columns that the figures take


def histogram(stored: Stored, workload: str, width: int = 80) -> list[str]:
    """Lines of a histogram of the inter-token latency in ms over `shown_range`; what lies outside is counted.

    `width`: columns of a line, at least 44.
    """
    values = _gaps_ms(stored, workload)
    if values.size < 2 * BINS:
        return []
    low, high = shown_range(values)
    below, above = int((values < low).sum()), int((values > high).sum())
    if high > low:
        counts, edges = np.histogram(values, bins=BINS, range=(low, high))
        most, room = int(counts.max()), max(8, width - BESIDE)
        lines = [_line(int(n), most, float(edges[i]), float(edges[i + 1]), room) for i, n in enumerate(counts)]
    else:
        lines = [f"  {values.size - below - above} gaps of {significant(low)} ms"]
    shortest, longest = significant(float(values.min())), significant(float(values.max()))
    outside = [f"{below} shorter (shortest {shortest} ms)" if below else "0 shorter"]
    outside += [f"{above} longer (longest {longest} ms)" if above else "0 longer"]
    return [*lines, f"  {values.size} gaps; {', '.join(outside)}"]


def _line(count: int, most: int, low: float, high: float, room: int) -> str:
    return f"  {significant(low):>8}–{significant(high):<8} ms {bar(count / most if most else 0, room)} {count}"


def _gaps_ms(stored: Stored, workload: str) -> NDArray[np.float64]:
    where = str(stored.path.parent)
    trials = trials_of(decode(stored.samples(), stored.record.samples.sha256, where), where)
    timed = [t for t in trials if t.workload == workload and t.purpose is Purpose.TIMED and t.valid]
    gaps = [one.itl / 1e6 for one in measure_trials(timed) if one.itl is not None]
    return np.concatenate(gaps) if gaps else np.zeros(0)
