"""The child's side of benchmarks/alternate.py: ours and a peer in one process, in turns, trial by trial.

Run by the runtime's interpreter, the worker's bundle on its path. Ours is the worker's own code around a trial. Each request
is a line `TEST PAIRS` on standard input; each pair is answered on the given descriptor as `{"ours", "its", "first"}`, rates.
"""

import gc
import json
import os
import random
import sys
from pathlib import Path

from harness.measure.metrics import measure_trial
from harness.measure.trial import Purpose
from harness.worker.frames import Frame, trial_from
from harness.worker.plan import Plan
from harness.worker.process import _Process
from runtimes.interface import ModelFiles
from runtimes.table import find


class Ours:
    """One loaded runtime, whose trials are made as a worker makes them."""

    def __init__(self, runtime, model, model_format, options, workloads):
        self.workloads = {one.id: one for one in workloads}
        self.loaded = find(runtime).load(ModelFiles(Path(model), model_format), options)
        plan = Plan(runtime, model, model_format, options, workloads=tuple(workloads))
        self._process = _Process(plan, self.loaded, self._take)
        self._last = None

    def _take(self, kind, header, body=b""):
        self._last = trial_from(Frame(kind, header, body)) if kind == "trial" else self._last

    def use_clock(self, clock):
        """Stamp by another clock than the worker's."""
        for watch in self._process._watches:
            watch._clock = clock

    def trial(self, name):
        """One timed trial of a workload; RuntimeError for one that the worker would call invalid."""
        self._process._trial(self.workloads[name], Purpose.TIMED)
        if self._last.invalid_reason:
            raise RuntimeError(self._last.invalid_reason)
        return self._last

    def measured(self, name):
        """The metrics of one timed trial."""
        return measure_trial(self.trial(name))


def orders(count, seed):
    """Who comes first in each pair: ABBA or BAAB by chance, so that a drift and a habit both cancel."""
    chance = random.Random(seed)
    made = []
    while len(made) < count:
        first = chance.choice(("ours", "its"))
        made += [first, "its" if first == "ours" else "ours"]
    return made[:count]


def serve(descriptor, pairs):
    """Answer requests until standard input ends; `pairs(test, orders)` yields (ours, its, first)."""
    gc.collect()
    gc.freeze()
    gc.disable()
    for seed, line in enumerate(sys.stdin):
        test, count = line.split()
        for ours, its, first in pairs(test, orders(int(count), seed)):
            os.write(descriptor, (json.dumps({"ours": ours, "its": its, "first": first}) + "\n").encode())


def alternate(order, ours, its):
    """Pairs from two functions that measure one rate each."""
    for first in order:
        if first == "ours":
            a, b = ours(), its()
        else:
            b, a = its(), ours()
        yield a, b, first
