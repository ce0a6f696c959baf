"""Reads the meters at the boundaries of trials, and beside them where a core is free. Nothing of it is ever timed.

The reading is done by this process, which is not the one that is measured: the worker waits for its parent after each
trial, and there the totals are read. Instants are sampled at 5 Hz by a thread, unless the engine uses every core.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from operator import or_
from typing import Any

import psutil

from harness.capture.meters import Meter, open_meters
from harness.device_kinds import PROCESSOR, DeviceKind, of_facts
from harness.measure.counters import COUNTERS, Counter, Fold, split_device

INTERVAL_S = 0.2
_FOLDS = {counter.value: kind.fold for counter, kind in COUNTERS.items()}
SPARE_FOR_GPU = 4  # usable cores from which one is free beside an engine that works on a GPU

Open = Callable[[frozenset[DeviceKind], frozenset[int], Sequence[str]], list[Meter]]


class Telemetry:
    """The meters of one worker process, opened when its devices are known."""

    def __init__(self, cores: int, open_them: Open = open_meters) -> None:
        self._cores, self._open = cores, open_them
        self._meters: list[Meter] = []
        self._totals: dict[str, int] = {}
        self._samples: list[dict[str, int]] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def begin(self, facts: Mapping[str, Any]) -> None:
        """The model is loaded: open what can be metered, and sample beside the trials if a core is free."""
        kinds = of_facts(facts)
        self._meters = self._open(kinds, _own_processes(), ids_of(facts))
        if not self._meters:
            return
        threads = facts["settings"].get("threads") or self._cores
        spare = self._cores >= SPARE_FOR_GPU if kinds - PROCESSOR else self._cores > threads
        if spare:
            self._thread = threading.Thread(target=self._sample_on, daemon=True)
            self._thread.start()
        self.rest()

    def rest(self) -> None:
        """The worker goes on now: count from here."""
        if self._meters:
            self._take()
            self._totals = self._read()

    def trial(self) -> dict[str, int]:
        """A trial ended: what the meters counted over it, and its samples in short. Empty without meters."""
        if not self._meters:
            return {}
        now = self._read()
        counted = {name: now[name] - value for name, value in self._totals.items() if name in now}
        self._sample()
        found = counted | in_short(self._take())
        found[Counter.SAMPLED_BESIDE.value] = int(self._thread is not None)
        return found

    def end(self) -> None:
        """Close everything."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        for meter in self._meters:
            meter.close()
        self._meters = []

    def _read(self) -> dict[str, int]:
        found: dict[str, int] = {}
        for meter in self._meters:
            found |= meter.totals()
        return found

    def _sample(self, beside: bool = False) -> None:
        one: dict[str, int] = {}
        with self._lock:
            for meter in self._meters:
                if meter.quick or not beside:
                    one |= meter.sample()
            if one:
                self._samples.append(one)

    def _take(self) -> list[dict[str, int]]:
        with self._lock:
            taken, self._samples = self._samples, []
        return taken

    def _sample_on(self) -> None:
        due = time.monotonic()
        while not self._stop.wait(max(due - time.monotonic(), 0)):
            due = time.monotonic() + INTERVAL_S
            self._sample(beside=True)


def ids_of(facts: Mapping[str, Any]) -> list[str]:
    """The ids of the GPUs used, in the order in which the engine lists them: UUIDs where it tells them, else PCI places."""
    return list(facts.get("device_ids") or facts.get("device_places") or ())


def _own_processes() -> frozenset[int]:
    """Our process and all that it started: the worker, and what its engine started."""
    me = psutil.Process()
    return frozenset({me.pid, *(child.pid for child in me.children(recursive=True))})


def in_short(samples: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """Mean, least or most of each instant; the union of the reasons, and how many samples showed one that throttles."""
    if not samples:
        return {}
    found: dict[str, int] = {Counter.DEVICE_SAMPLES.value: len(samples)}
    values: dict[str, list[int]] = {}
    for sample in samples:
        for name, value in sample.items():
            values.setdefault(name, []).append(value)
    for name, own in values.items():
        _, counter = split_device(name)
        fold = _FOLDS.get(counter)
        if fold is Fold.MEAN:
            found |= {f"{name}_mean": sum(own) // len(own), f"{name}_min": min(own)}
        elif fold is Fold.MOST:
            found[f"{name}_max"] = max(own)
        elif fold is Fold.UNION:
            found[name] = reduce(or_, own)
    return found
