"""The time that a record claims for its run against what its samples and the calendar allow: remarks for editors."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from harness.measure.trial import Trial
from harness.record.samples import decode
from harness.record.schema import Record
from harness.registry.rules.times import EARLIEST, SKEW
from harness.verify.trials import trials_of

ROUNDING = timedelta(seconds=2)  # both ends are whole seconds
SHARE = 0.01  # by which two clocks may differ over a run before it is more than drift
MOST_TIMES, MOST_REST = 10, timedelta(hours=1)  # a run waits, cools and loads; beyond both it was something else


def sampled(record: Record, trials: Sequence[Trial]) -> timedelta:
    """How long the run's processes took at least, one after the other: from the first trial's start to the last one's end."""
    spans: dict[int, tuple[int, int]] = {}
    for trial in trials:
        end = trial.start_ns + (int(trial.token_ns[-1]) if trial.token_ns.size else 0)
        begin, last = spans.get(trial.process, (trial.start_ns, end))
        spans[trial.process] = min(begin, trial.start_ns), max(last, end)
    loads = sum(process.load_ns for process in record.processes)
    return timedelta(microseconds=(loads + sum(last - begin for begin, last in spans.values())) / 1000)


def doubts(record: Record, samples: bytes, submitted: str) -> Iterator[str]:
    """A sentence for each thing that can't be, of a record submitted at that UTC time. Raises `RecordInvalid` for samples that
    can't be read, `ValueError` for times that are none.
    """
    started, finished, now = (
        datetime.fromisoformat(text) for text in (record.run.started_utc, record.run.finished_utc, submitted)
    )
    claimed = finished - started
    if claimed < timedelta(0):
        yield f"it claims to end {_long(-claimed)} before it began"
    for what, moment in (("begin", started), ("end", finished)):
        if moment > now + SKEW:
            yield f"it claims to {what} {_long(moment - now)} after it was submitted"
    if started < EARLIEST and not record.run.synthetic:
        yield f"it claims to begin on {started.date()}, before this program existed"
    needed = sampled(record, trials_of(decode(samples, record.samples.sha256, "samples"), "samples"))
    if claimed >= timedelta(0) and needed > claimed * (1 + SHARE) + ROUNDING:
        yield f"its samples take {_long(needed)}, and the run claims to have lasted {_long(claimed)}"
    if claimed > needed * MOST_TIMES + MOST_REST:
        resumed = " (it was resumed)" if record.run.resumed else ""
        yield f"it claims to have lasted {_long(claimed)}{resumed}, and its samples take {_long(needed)}"


def _long(length: timedelta) -> str:
    """In the largest unit that gives two digits or so."""
    seconds = length.total_seconds()
    for unit, size in (("days", 86400), ("hours", 3600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
