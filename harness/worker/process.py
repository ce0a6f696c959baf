"""One measuring process: load, warm up until settled, time the trials in their seeded order, report each at once."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from harness.measure import stopwatch
from harness.measure.trial import Mode, Purpose, Trial
from harness.measure.warmup import needs_more
from harness.worker import counters
from harness.worker.frames import trial_frame
from harness.worker.plan import Plan, WorkloadPlan
from harness.worker.schedule import timed_order
from runtimes.interface import LoadedRuntime, ModelFiles
from runtimes.table import find

Send = Callable[[str, Mapping[str, Any], bytes], None]


def run(plan: Plan, send: Send) -> None:
    """Do what the plan says; everything learned goes through `send` as soon as it is known."""
    loaded = _load(plan, send)
    try:
        if plan.texts:
            bos = loaded.facts.add_bos
            ids = {key: loaded.tokenize(text, add_bos=bos) for key, text in plan.texts.items()}
            send("tokens", {"ids": ids}, b"")
        if plan.workloads:
            _Process(plan, loaded, send).measure()
    finally:
        loaded.close()
    send("end", {"peak_rss_bytes": counters.peak_rss_bytes()}, b"")


def _load(plan: Plan, send: Send) -> LoadedRuntime:
    send("loading", {}, b"")
    began = time.perf_counter_ns()
    loaded = find(plan.runtime).load(ModelFiles(Path(plan.model_path), plan.model_format), plan.options)
    load_ns = time.perf_counter_ns() - began
    send("loaded", {"load_ns": load_ns, "facts": asdict(loaded.facts)}, b"")
    return loaded


class _Process:
    """The state of one measuring process."""

    def __init__(self, plan: Plan, loaded: LoadedRuntime, send: Send) -> None:
        self._plan, self._loaded, self._send = plan, loaded, send
        # The pages are touched now, not in the first trial.
        self._watch = stopwatch.Stopwatch(max(w.stamps for w in plan.workloads))
        self._order = 0
        self._origin_ns = 0

    def measure(self) -> None:
        clocks = stopwatch.ClockReading.now()
        self._send("clock", asdict(stopwatch.self_test()), b"")
        gc.collect()
        gc.freeze()
        gc.disable()
        self._origin_ns = time.perf_counter_ns()
        for workload in self._plan.workloads:
            self._warm_up(workload)
        for workload, purpose in timed_order(self._plan.workloads, self._plan.timed_trials, self._plan.seed):
            self._trial(workload, purpose)
        gc.enable()
        drift = clocks.drift_ppm(stopwatch.ClockReading.now())
        self._send("clocks", {"drift_ppm": drift}, b"")
        if self._plan.probe:
            nll = self._loaded.score(self._plan.probe)
            # Not a number would not be JSON; the parent reads None as "the engine gave no likelihood".
            self._send("probe", {"mean_nll_micronats": round(nll * 1e6) if np.isfinite(nll) else None}, b"")

    def _warm_up(self, workload: WorkloadPlan) -> None:
        lengths: list[int] = []
        began = time.perf_counter()
        while len(lengths) < self._plan.warmup_trials or needs_more(
            lengths, time.perf_counter() - began, self._plan.warmup_limit_s
        ):
            lengths.append(int(self._trial(workload, Purpose.WARMUP).token_ns[-1]))

    def _trial(self, workload: WorkloadPlan, purpose: Purpose) -> Trial:
        prompt = workload.distinct if purpose is Purpose.DISTINCT else workload.prompt
        self._loaded.reset()
        gc.collect(0)
        before = counters.read()
        ids = self._loaded.generate(prompt, workload.output_tokens, self._watch, forced=workload.forced)
        after = counters.read()
        trial = Trial(
            process=self._plan.process,
            order=self._order,
            workload=workload.id,
            purpose=purpose,
            mode=Mode(workload.mode),
            prompt_tokens=len(prompt),
            output_tokens=workload.output_tokens,
            start_ns=self._watch.started_ns - self._origin_ns,
            token_ns=self._watch.token_ns(),
            step_ns=self._watch.step_ns(),
            output_ids=tuple(ids),
            counters=counters.difference(before, after),
            engine=dict(self._loaded.counters()),
            invalid_reason=_counting(ids, workload, self._watch.token_ns().size, self._loaded.facts.vocab_size),
        )
        self._order += 1
        self._send("trial", *trial_frame(trial))
        return trial


def _counting(ids: list[int], workload: WorkloadPlan, stamps: int, vocabulary: int) -> str:
    """Truth check 2: exactly the asked number of tokens, each stamped, each from the vocabulary."""
    if len(ids) != workload.output_tokens:
        return f"token-count: {len(ids)} of {workload.output_tokens}"
    if stamps != workload.stamps:
        return f"stamp-count: {stamps} of {workload.stamps}"
    strange = [token for token in ids if not 0 <= token < vocabulary]
    return f"not-in-vocabulary: {strange[0]}" if strange else ""
