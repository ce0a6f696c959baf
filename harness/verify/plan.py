"""Samples against the plan of the run: which trials there must be, in which seeded order, what an invalid one must show. Pure.

A run's plan follows from its record: workloads in order, warm-up first, then passes shuffled by the seed plus the process's
number (`harness.measure.schedule`). What was relabelled, left out or added breaks that order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from harness.catalog import suites
from harness.measure.counters import Account, Counter, most
from harness.measure.plural import count
from harness.measure.schedule import timed_order
from harness.measure.throttling import THROTTLING
from harness.measure.trial import Purpose, Trial
from harness.measure.warmup import MOST
from harness.measure.workload import WorkloadPlan
from harness.record.schema import Record, Workload

Slot = tuple[str, Purpose]  # what one place in the order of a process holds


def faults(record: Record, trials: Sequence[Trial]) -> list[str]:
    """Each way in which the samples are not those of the run that the record describes, in words; empty where they are."""
    workloads = {workload.id: workload for workload in record.workloads}
    strange = sorted({trial.workload for trial in trials} - set(workloads))
    if strange:
        return [f"the samples hold {strange[0]}, a workload that the record does not name"]
    found = [text for trial in trials for text in _trial(trial, workloads[trial.workload], record)]
    by_process: dict[int, list[Trial]] = {}
    for trial in trials:
        by_process.setdefault(trial.process, []).append(trial)
    whole, failed = {p.index for p in record.processes}, {p.index for p in record.run.failed_processes}
    for process, own in sorted(by_process.items()):
        if process not in whole | failed:
            found.append(f"process {process} has samples, and the record does not name it")
        else:
            found += [f"process {process}: {text}" for text in _process(record, process, own, process in whole)]
    return found


def _trial(trial: Trial, workload: Workload, record: Record) -> Iterator[str]:
    """One row against its workload. A trial that its counts made invalid may depart in just these counts."""
    name = f"trial {trial.order} of process {trial.process}"
    for what, said, asked in (
        ("mode", trial.mode.value, workload.mode),
        ("output tokens", trial.output_tokens, workload.output_tokens),
        ("prompt tokens", trial.prompt_tokens, workload.prompt_tokens),
    ):
        if said != asked:
            yield f"{name}: {what} {said}, the workload says {asked}"
    stamps, made = max(workload.output_tokens, 1), len(trial.output_ids)
    reason = trial.invalid_reason.partition(":")[0]
    fits = trial.token_ns.size == stamps and made in (0, workload.output_tokens)
    known = all(0 <= token < record.runtime.vocab_size for token in trial.output_ids)
    if not trial.valid and reason in ("token-count", "stamp-count", "not-in-vocabulary"):
        told = trial.engine.get(Account.COMPLETION_TOKENS, workload.output_tokens)
        if fits and known and told in (workload.output_tokens, stamps):
            yield f"{name} is marked {reason}, and its samples count right"
        return
    if not fits:
        yield f"{name} has {trial.token_ns.size} stamps and {made} ids for {workload.output_tokens} tokens"
    if not known:
        yield f"{name} has ids that are not in the vocabulary"
    if reason == "throttled" and not _throttled(trial):
        yield f"{name} is marked throttled, and no counter of it says so"
    if reason == "stranger" and trial.counters.get(most(Counter.STRANGERS), 0) <= 0:
        yield f"{name} is marked as disturbed by a stranger, and no counter of it says so"
    if not trial.valid and reason not in ("throttled", "stranger", "process-failed"):
        yield f"{name} is invalid for an unknown reason"
    if reason == "process-failed" and trial.process in {p.index for p in record.processes}:
        yield f"{name} is marked process-failed, and its process is whole"
    if trial.valid and trial.process in {p.index for p in record.run.failed_processes}:
        yield f"{name} is valid, and its process failed"


def _throttled(trial: Trial) -> bool:
    counters = trial.counters
    held = counters.get(Counter.THROTTLE_REASONS, 0) & THROTTLING or counters.get(Counter.THERMAL_VIOLATION_NS, 0) > 0
    return bool(held) or counters.get(Counter.CPU_THROTTLED_NS, 0) > 0


def _process(record: Record, process: int, trials: Sequence[Trial], whole: bool) -> Iterator[str]:
    """The order of one process against its plan; a process that failed holds the beginning of it."""
    slots: list[Slot] = []
    workloads = {workload.id: workload for workload in record.workloads}
    ordered = sorted(trials, key=lambda trial: trial.order)
    for place, (order, rows) in enumerate(groupby(ordered, key=lambda trial: trial.order)):
        together = list(rows)
        kinds = {(trial.workload, trial.purpose) for trial in together}
        if order != place or len(kinds) != 1:
            yield f"place {place} of its order is missing or taken twice"
            return
        (slot,) = kinds
        if len(together) != (workloads[slot[0]].concurrency or 1) and (whole or order != ordered[-1].order):
            yield f"place {place} holds {count(len(together), 'request')}, the workload has {workloads[slot[0]].concurrency or 1}"
        slots.append(slot)
    warm = next((i for i, (_, purpose) in enumerate(slots) if purpose is not Purpose.WARMUP), len(slots))
    yield from _warm_up(record, slots[:warm], whole or warm < len(slots))
    distinct = _distinct(record, slots)
    plans = [
        WorkloadPlan(w.id, w.mode, (), w.output_tokens, distinct=(0,) if w.id in distinct else ())
        for w in record.workloads
    ]
    timed = [(w.id, p) for w, p in timed_order(plans, record.suite.timed_trials, record.run.seed + process)]
    if slots[warm:] != (timed if whole else timed[: len(slots) - warm]):
        yield "its timed trials are not those of its plan, in the order that its seed gives"


def _warm_up(record: Record, slots: Sequence[Slot], whole: bool) -> Iterator[str]:
    """Each workload in turn, as often as the suite says or until it settled, ten times at most."""
    counts = [(name, len(list(same))) for name, same in groupby(name for name, _ in slots)]
    names = [name for name, _ in counts]
    expected = [workload.id for workload in record.workloads] if record.suite.warmup_trials else []
    if names != (expected if whole else expected[: len(names)]):
        yield "its warm-up does not go through the workloads in their order"
        return
    least, most = record.suite.warmup_trials, max(record.suite.warmup_trials, MOST)
    last = None if whole else len(counts) - 1
    for place, (name, made) in enumerate(counts):
        if made > most or (made < least and place != last):
            yield f"{made} warm-up trials of {name}, {least} to {most} are possible"


def _distinct(record: Record, slots: Sequence[Slot]) -> set[str]:
    """Whose prompt is also run as one never seen before: what the suite says; of an unknown suite one at most."""
    suite = suites.by_digest(record.suite.sha256)
    if suite is not None:
        return {suite.cache_check}
    seen = sorted({name for name, purpose in slots if purpose is Purpose.DISTINCT})
    return set(seen[:1])
