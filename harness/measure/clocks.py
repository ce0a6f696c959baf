"""Whether the clock of the stamps ran at its proper rate: readings of several clocks over a run, and what they say.

The stamps' clock never steps; the wall clock may, and a step of it changes no length that was measured. A clock of a wrong *rate*
changes all of them. Two readings can't tell one from the other, several can.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

STEP_NS = 10_000_000  # less than any daemon steps by (ntpd 128 ms, timesyncd 400 ms), more than a reading's error
STEP_PPM = 1_000  # beside the slewing that the kernel may do (500 ppm)
LEAST_INTERVALS = 3
WINDOW_NS = 1_000_000_000  # a rate over less than a second would show preemptions, not clocks
LEAST_NS = 10_000_000


@dataclass(frozen=True, slots=True)
class ClockReading:
    """Clocks read together, in nanoseconds; `asleep_ns`: for how long the machine has slept since it started."""

    perf_ns: int
    raw_ns: int
    real_ns: int
    asleep_ns: int = 0

    @classmethod
    def now(cls) -> ClockReading:
        """Read the clocks; the middle ones between two readings, so that a preemption between reads can't pass as drift."""
        best: ClockReading | None = None
        width = 0
        for _ in range(5):
            first = time.perf_counter_ns()
            raw, real, asleep = _raw_ns(), time.time_ns(), _asleep_ns()
            last = time.perf_counter_ns()
            if best is None or last - first < width:
                best, width = cls((first + last) // 2, raw, real, asleep), last - first
        assert best is not None  # noqa: S101 - the loop ran
        return best

    def drift_ppm(self, later: ClockReading) -> int:
        """The rate error from here to `later` alone, in parts per million: see `account`."""
        return account((self, later)).rate_ppm


@dataclass(frozen=True, slots=True)
class ClockAccount:
    """What the readings of one process say. `rate_ppm`: the worst error of rate; steps are those of the wall clock."""

    rate_ppm: int = 0
    steps: int = 0
    largest_step_ns: int = 0
    asleep_ns: int = 0
    undecided: bool = False  # a jump of the wall clock in too few readings to tell a step from a rate


@dataclass(frozen=True, slots=True)
class _Interval:
    """From one reading to the next, against the raw clock: how far the wall clock and the stamps' clock ran ahead of it."""

    raw_ns: int
    real_ahead_ns: int
    perf_ahead_ns: int
    asleep_ns: int

    @classmethod
    def of(cls, before: ClockReading, after: ClockReading) -> _Interval:
        raw, asleep = after.raw_ns - before.raw_ns, after.asleep_ns - before.asleep_ns
        # In sleep the raw clock and that of the stamps stand still, and the wall clock goes on.
        real, perf = after.real_ns - before.real_ns, after.perf_ns - before.perf_ns
        return cls(raw, real - raw - asleep, perf - raw, asleep)


def account(readings: Sequence[ClockReading]) -> ClockAccount:
    """Rate errors and steps over `readings`, which are in order.

    The wall clock's rate is the median of the intervals' rates, so that steps don't count; what an interval has beyond it is a
    step. Three steps or more that all go the same way are a wrong rate that somebody corrects again and again: they count.
    The stamps' clock can't step: its rate is the worst of any window of a second. With less than three intervals a jump of
    the wall clock stays undecided.
    """
    intervals = [one for one in (_Interval.of(a, b) for a, b in pairwise(readings)) if one.raw_ns > 0]
    if not intervals:
        return ClockAccount()
    slope = _median_rate(intervals) if len(intervals) >= LEAST_INTERVALS else 0.0
    beyond = [round(one.real_ahead_ns - slope * one.raw_ns) for one in intervals]
    jumps = [
        size
        for size, one in zip(beyond, intervals, strict=True)
        if abs(size) > STEP_NS + STEP_PPM * one.raw_ns // 1_000_000
    ]
    corrected = len(jumps) >= LEAST_INTERVALS and (all(size > 0 for size in jumps) or all(size < 0 for size in jumps))
    ahead, length = sum(one.real_ahead_ns for one in intervals), sum(one.raw_ns for one in intervals)
    real_rate = abs(ahead if corrected else ahead - sum(jumps)) / length
    return ClockAccount(
        rate_ppm=int(max(real_rate, _worst_window(intervals)) * 1_000_000),
        steps=len(jumps),
        largest_step_ns=max((abs(size) for size in jumps), default=0),
        asleep_ns=max(0, sum(one.asleep_ns for one in intervals)),
        undecided=bool(jumps) and len(intervals) < LEAST_INTERVALS,
    )


def _median_rate(intervals: Sequence[_Interval]) -> float:
    """Of the wall clock, each interval with the weight of its length."""
    half = sum(one.raw_ns for one in intervals) / 2
    seen = 0
    for one in sorted(intervals, key=lambda one: one.real_ahead_ns / one.raw_ns):
        seen += one.raw_ns
        if seen >= half:
            return one.real_ahead_ns / one.raw_ns
    raise AssertionError("the weights add up to their sum")


def _worst_window(intervals: Sequence[_Interval]) -> float:
    """The largest rate error of the stamps' clock, over the whole and over each window of a second or more."""
    worst, ahead, length = 0.0, 0, 0
    for one in intervals:
        ahead, length = ahead + one.perf_ahead_ns, length + one.raw_ns
        if length >= WINDOW_NS:
            worst = max(worst, abs(ahead) / length)
            ahead = length = 0
    if worst == 0.0 and length >= LEAST_NS:
        worst = abs(ahead) / length
    return worst


def _raw_ns() -> int:
    """The clock that no daemon disciplines and that stands still in sleep; macOS calls it by another name."""
    for name in ("CLOCK_UPTIME_RAW", "CLOCK_MONOTONIC_RAW"):
        clock = getattr(time, name, None)
        if clock is not None:
            return time.clock_gettime_ns(clock)
    return time.perf_counter_ns()


def _asleep_ns() -> int:
    """How long the machine has slept: the difference of a clock that counts sleep and one that does not."""
    awake = {"CLOCK_BOOTTIME": "CLOCK_MONOTONIC", "CLOCK_MONOTONIC_RAW": "CLOCK_UPTIME_RAW"}
    for through, without in awake.items():
        both = getattr(time, through, None), getattr(time, without, None)
        if both[0] is not None and both[1] is not None:
            return time.clock_gettime_ns(both[0]) - time.clock_gettime_ns(both[1])
    return 0
