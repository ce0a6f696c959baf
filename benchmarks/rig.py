"""What the benchmarks measure with: the installed llama.cpp, the default model, and one process that times a workload."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.catalog import fetch, models, paths
from harness.measure.trial import Purpose, Trial
from harness.run import bundle, environments
from harness.run.bench import backend_of
from harness.run.collect import collect
from harness.run.launcher import Deadlines, Interpreter, run_worker
from harness.worker.frames import Frame
from harness.worker.plan import Plan, WorkloadPlan

MODEL = "gemma-3-270m-q4_k_m"


@dataclass(frozen=True)
class Rig:
    """Everything in place."""

    cache: Path
    place: environments.Place
    model: Path
    interpreter: Interpreter

    def timed(self, workload: WorkloadPlan, options: dict[str, Any], trials: int = 3, seed: int = 0) -> list[Trial]:
        """The timed trials of one fresh process."""
        plan = Plan(
            "llama.cpp", str(self.model), "gguf", options, seed=seed, timed_trials=trials, workloads=(workload,)
        )
        frames: list[Frame] = []
        ended = run_worker(self.interpreter, plan, Deadlines(), frames.append)
        if ended.error is not None:
            raise ended.error
        return [trial for trial in collect(0, frames).trials if trial.purpose is Purpose.TIMED]


def ready() -> Rig:
    """Install and fetch what is missing."""
    cache = paths.cache()
    place = environments.place(cache, "llama.cpp", backend_of("llama.cpp", "cpu"))
    environments.install(place, lambda text, done, total: print(text, done, total, file=sys.stderr))
    model = fetch.fetch(models.load(MODEL), cache, lambda *_: None)
    folder, _ = bundle.make(cache)
    return Rig(cache, place, model, Interpreter(place.python, folder, cache / "worker-home"))
