"""What real runs seldom show in their samples: rounded numbers, favoured digits, no memory, no tail. Flags for an editor."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from harness.tiers.gaps import (
    CLIP,
    LEAST_DISTINCT,
    LEAST_TOKENS,
    LEAST_TRIALS,
    Gaps,
    autocorrelation,
    check,
    group_median,
    level_of,
    own_part,
    rank_digest,
    residuals,
)

# Devices whose tick is no whole number of ns (HPET, ACPI, 19.2 and 24 MHz counters) or comes with rounding (CUDA events).
_TICKS_NS = (1024.0, 1000.0, 500.0, 1e9 / 3_579_545, 1e9 / 14_318_180, 1e9 / 19_200_000, 1e9 / 24_000_000, 32.0)
_DIGITS_LIMIT = 44.0  # χ² with 9 degrees of freedom: p = 1.4e-6
_MEMORY_LIMIT = 20.1  # χ² with 8 degrees of freedom: p = 0.01
_LEVELS_RATIO = 2.0  # of the trials' variance to that of independent draws
_TAIL = 5.0  # robust deviations; one in 1.7 million normal values lies beyond
_STEADY = 5e-5  # of the gap: 250 ns of 5 ms, below what devices' own events resolve
_COARSE_NS = 1000


@dataclass(frozen=True, slots=True)
class Oddity:
    """Something in one record's samples that real runs seldom show."""

    code: str
    evidence: dict[str, int]
    text: str


def oddities(gaps: Gaps) -> list[Oddity]:
    """What real runs seldom show. Raises `RecordInvalid` for gaps without two axes or below zero."""
    check(gaps)
    if gaps.size < 50:
        return []
    tick = clock_tick(gaps)
    return [*_lattice(gaps, tick), *_repeated_trials(gaps), *_noise(gaps, tick)]


def clock_tick(gaps: Gaps) -> float:
    """The step of the clock behind the gaps, ns: what divides their differences, else the coarsest known tick whose phase they
    keep, else 1.
    """
    whole = int(np.gcd.reduce(gaps.ravel() - gaps.min()))
    if whole > 1:
        return float(whole)
    flat = gaps.ravel().astype(np.float64)
    for tick in _TICKS_NS:
        # Values that lie closer together than a tick keep its phase by themselves.
        if flat.std() > 2 * tick and abs(np.exp(2j * np.pi * flat / tick).mean()) > 0.8:
            return tick
    return 1.0


def _lattice(gaps: Gaps, tick: float) -> list[Oddity]:
    """Rounded numbers, favoured digits, values that return: in ticks, or every real timer would look made up."""
    found = []
    if not (gaps % _COARSE_NS).any():
        text = f"every gap is a multiple of {_COARSE_NS} ns: a clock as coarse as that, or rounded numbers"
        found.append(Oddity("coarse", {"tick_ns": round(tick)}, text))
    ticks = np.sort(np.rint(gaps.ravel() / tick).astype(np.int64))
    spread = int(np.subtract(*np.quantile(ticks, [0.75, 0.25])))
    if spread < 40:  # terminal digits of so few ticks follow the values themselves
        return found
    counts = np.bincount(ticks % 10, minlength=10)
    chi_square = float(((counts - ticks.size / 10) ** 2).sum() / (ticks.size / 10))
    if chi_square > _DIGITS_LIMIT:
        evidence = {"chi_square_milli": round(chi_square * 1e3), "most": int(counts.max()), "gaps": ticks.size}
        text = f"last digits are not spread evenly: χ² = {chi_square:.0f} with 9 degrees of freedom"
        found.append(Oddity("digits", evidence, text))
    _, times = np.unique(ticks, return_counts=True)
    ties = int((times * (times - 1)).sum()) // 2
    near = int((np.searchsorted(ticks, ticks + 20, "right") - np.arange(1, ticks.size + 1)).sum()) - ties
    expected = near / 40  # pairs 1 to 20 ticks apart tell how many should be none apart
    if ties > 10 + expected + 6 * math.sqrt(expected):
        text = f"{ties} pairs of gaps are equal where {expected:.0f} would be by chance"
        found.append(Oddity("repeats", {"pairs": ties, "expected": round(expected)}, text))
    return found


def _repeated_trials(gaps: Gaps) -> list[Oddity]:
    orders = [rank_digest(row) for row in gaps if np.unique(row).size >= LEAST_DISTINCT]
    different = len(set(orders))
    if len(orders) == different:
        return []
    text = f"{len(orders)} trials rise and fall in only {different} orders"
    return [Oddity("repeated trials", {"trials": len(orders), "orders": different}, text)]


def _noise(gaps: Gaps, tick: float) -> list[Oddity]:
    """The floor, the memory and the tail of the noise; for records with enough trials to tell noise from shape."""
    trials, tokens = gaps.shape
    if trials < LEAST_TRIALS or tokens < LEAST_TOKENS:
        return []
    own = own_part(residuals(gaps, group_median([gaps])))
    noise = 1.4826 * float(np.median(np.abs(own)))
    if tick > 1 and noise * level_of(gaps) < 5 * tick:  # the clock's steps hide it
        return []
    if noise < _STEADY:
        text = f"its gaps scatter by {noise * 1e6:.1f} millionths: no machine is that steady"
        return [Oddity("steady", {"noise_ppb": round(noise * 1e9)}, text)]
    found = []
    medians = np.median(gaps, axis=1)
    levels = float(medians.var(ddof=1)) / float(np.median(medians)) ** 2
    ratio = levels / (math.pi / 2 * noise**2 / tokens)  # the variance of a median of independent normal values
    clipped = np.clip(own / noise, -CLIP, CLIP)
    memory = gaps.size * float((autocorrelation(clipped)[:8] ** 2).sum())
    if trials >= 5 and ratio < _LEVELS_RATIO and memory < _MEMORY_LIMIT:
        evidence = {"levels_ratio_milli": round(ratio * 1e3), "memory_milli": round(memory * 1e3)}
        text = "its gaps are independent draws: trials keep one level, and neighbours know nothing of each other"
        found.append(Oddity("no memory", evidence, text))
    farthest = float(np.abs(own).max()) / noise
    if gaps.size >= 1000 and farthest < _TAIL:
        text = f"none of {gaps.size} gaps lies {_TAIL:.0f} deviations off: no machine goes undisturbed for so long"
        found.append(Oddity("no tail", {"farthest_milli": round(farthest * 1e3), "gaps": gaps.size}, text))
    return found
