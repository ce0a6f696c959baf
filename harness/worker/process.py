"""One measuring process: load, warm up until settled, time the trials in their seeded order, report each at once."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np

from harness.errors import RuntimeUnavailable, one_line
from harness.measure import clocks, stopwatch
from harness.measure.counters import Account
from harness.measure.schedule import timed_order
from harness.measure.trial import Mode, Purpose, Trial
from harness.measure.warmup import needs_more
from harness.measure.workload import WorkloadPlan
from harness.worker import conformance, counters, tokenizer_gate
from harness.worker.frames import trial_frame
from harness.worker.plan import Plan
from runtimes.interface import Batching, Converting, Describing, LoadedRuntime, ModelFiles, Outliving, Remembering
from runtimes.support import shape
from runtimes.table import claims_ours, find

Send = Callable[[str, Mapping[str, Any], bytes], None]


def run(plan: Plan, send: Send) -> None:
    """Do what the plan says; everything learned goes through `send` as soon as it is known."""
    if plan.convert_to:
        _convert(plan, send)
        return
    if plan.conformance:
        _conform(plan, send)
        return
    if plan.describe:
        send("described", asdict(cast(Describing, find(plan.runtime)).describe()), b"")
        send("end", {"peak_rss_bytes": counters.peak_rss_bytes()}, b"")
        return
    loaded = _load(plan, send)
    try:
        if plan.texts:
            send("tokens", _tokenised(plan, loaded), b"")
        tokenizer_gate.hold(loaded, find(plan.runtime).capabilities, plan.reference)
        if plan.workloads:
            _Process(plan, loaded, send).measure()
    finally:
        loaded.close()
    serves = find(plan.runtime).capabilities.serves
    send("end", {"peak_rss_bytes": counters.peak_rss_bytes(children=serves)}, b"")


def _tokenised(plan: Plan, loaded: LoadedRuntime) -> dict[str, Any]:
    """The ids of each text, and of those that are cut the text that has just these ids."""

    def ids_of(text: str) -> list[int]:
        return loaded.tokenize(text, add_bos=loaded.facts.add_bos)

    ids = {key: ids_of(text) for key, text in plan.texts.items()}
    cut = {key: ids[key][:length] for key, length in plan.lengths.items()}
    return {
        "ids": ids,
        "texts": {key: tokenizer_gate.text_of(plan.texts[key], some, ids_of) for key, some in cut.items()},
    }


def _convert(plan: Plan, send: Send) -> None:
    def progress(text: str, done: int, total: int) -> None:
        send("progress", {"text": text, "done": done, "total": total}, b"")

    cast(Converting, find(plan.runtime)).convert(Path(plan.model_path), Path(plan.convert_to), progress)
    send("end", {"peak_rss_bytes": counters.peak_rss_bytes()}, b"")


def _conform(plan: Plan, send: Send) -> None:
    def report(code: str, status: str, text: str) -> None:
        send("check", {"code": code, "status": status, "text": one_line(text, 300)}, b"")

    send("loading", {}, b"")
    conformance.run(
        find(plan.runtime), ModelFiles(Path(plan.model_path), plan.model_format), plan.options, report, plan.reference
    )
    send("end", {"peak_rss_bytes": counters.peak_rss_bytes()}, b"")


def _load(plan: Plan, send: Send) -> LoadedRuntime:
    send("loading", {}, b"")
    began = time.perf_counter_ns()
    adapter = find(plan.runtime)
    loaded = adapter.load(ModelFiles(Path(plan.model_path), plan.model_format), plan.options)
    fault = shape.loaded_fault(loaded, adapter.capabilities) or claims_ours(plan.runtime, loaded.facts.engine)
    if fault:
        raise RuntimeUnavailable(fault, where=plan.runtime, fix=f"run: repro runtime check {plan.runtime}")
    load_ns = time.perf_counter_ns() - began
    send(
        "loaded", {"load_ns": load_ns, "facts": asdict(loaded.facts), "capabilities": asdict(adapter.capabilities)}, b""
    )
    return loaded


class _Process:
    """The state of one measuring process."""

    def __init__(self, plan: Plan, loaded: LoadedRuntime, send: Send) -> None:
        self._plan, self._loaded, self._send = plan, loaded, send
        self._outlives = find(plan.runtime).capabilities.outlives
        # The pages are touched now, not in the first trial.
        stamps, several = max(w.stamps for w in plan.workloads), max(w.concurrency or 1 for w in plan.workloads)
        self._watches = [stopwatch.Stopwatch(stamps) for _ in range(several)]
        self._order = 0
        self._origin_ns = 0
        self._readings: list[clocks.ClockReading] = []  # one after each trial: two alone can't tell a step from a rate

    def measure(self) -> None:
        self._readings.append(clocks.ClockReading.now())
        self._send("clock", asdict(stopwatch.self_test()), b"")
        gc.collect()
        gc.freeze()
        gc.disable()
        self._origin_ns = time.perf_counter_ns()
        for workload in self._plan.workloads:
            self._warm_up(workload)
        self._send("warm", {}, b"")
        for workload, purpose in timed_order(self._plan.workloads, self._plan.timed_trials, self._plan.seed):
            self._trial(workload, purpose)
        gc.enable()
        self._readings.append(clocks.ClockReading.now())
        found = asdict(clocks.account(self._readings))
        self._send("clocks", {"drift_ppm": found.pop("rate_ppm"), **found}, b"")
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
            lengths.append(self._trial(workload, Purpose.WARMUP))

    def _trial(self, workload: WorkloadPlan, purpose: Purpose) -> int:
        """Run it and report it; its length in nanoseconds."""
        prompt = workload.distinct if purpose is Purpose.DISTINCT else workload.prompt
        if purpose is Purpose.DISTINCT and self._outlives:
            prompt = tuple(cast(Outliving, self._loaded).fresh(prompt))
        self._loaded.reset()
        if workload.history:
            cast(Remembering, self._loaded).remember(workload.history)
        gc.collect(0)
        before = counters.read()
        watches = self._watches[: workload.concurrency or 1]
        if workload.concurrency is None:
            ids = self._loaded.generate(prompt, workload.output_tokens, watches[0], forced=workload.forced)
            after = counters.read()
            made: list[tuple[list[int], Mapping[str, int]]] = [(ids, self._loaded.counters())]
        else:
            loaded = cast(Batching, self._loaded)
            made = loaded.generate_batch([prompt] * workload.concurrency, workload.output_tokens, watches)
            after = counters.read()
        ended = max(watch.started_ns + int(watch.token_ns()[-1]) for watch in watches)
        length = ended - watches[0].started_ns
        spent = counters.difference(before, after)
        if workload.concurrency is not None:
            spent |= {"concurrency": workload.concurrency, "batch_ns": length}
        for (ids, engine), watch in zip(made, watches, strict=True):
            self._report(workload, purpose, len(prompt), ids, dict(engine), watch, spent | _host_clock(watch))
        self._order += 1
        self._readings.append(clocks.ClockReading.now())
        return length

    def _report(
        self,
        workload: WorkloadPlan,
        purpose: Purpose,
        prompt_tokens: int,
        ids: list[int],
        engine: dict[str, int],
        watch: stopwatch.Stopwatch,
        spent: dict[str, int],
    ) -> None:
        trial = Trial(
            process=self._plan.process,
            order=self._order,
            workload=workload.id,
            purpose=purpose,
            mode=Mode(workload.mode),
            prompt_tokens=prompt_tokens,
            output_tokens=workload.output_tokens,
            start_ns=watch.started_ns - self._origin_ns,
            token_ns=watch.token_ns(),
            step_ns=watch.step_ns(),
            output_ids=tuple(ids),
            counters=spent,
            engine=engine,
            invalid_reason=_counting(ids, workload, watch.token_ns().size, self._loaded.facts.vocab_size, engine),
        )
        self._send("trial", *trial_frame(trial))


def _host_clock(watch: stopwatch.Stopwatch) -> dict[str, int]:
    """The host's account of a trial that a device timed, for the comparison of the two clocks."""
    return {} if watch.host_ns is None else {"host_e2e_ns": watch.host_ns}


def _counting(ids: list[int], workload: WorkloadPlan, stamps: int, vocabulary: int, engine: Mapping[str, int]) -> str:
    """Truth check 2: exactly the asked number of tokens, each stamped, each from the vocabulary.

    A server that does not tell its ids counts them: `completion_tokens`, of which a prefill alone takes one.
    """
    made = engine.get(Account.COMPLETION_TOKENS, 0) if not ids else len(ids)
    if made != workload.output_tokens and not (made == workload.stamps and not ids):
        return f"token-count: {made} of {workload.output_tokens}"
    if stamps != workload.stamps:
        return f"stamp-count: {stamps} of {workload.stamps}"
    strange = [token for token in ids if not 0 <= token < vocabulary]
    return f"not-in-vocabulary: {strange[0]}" if strange else ""
