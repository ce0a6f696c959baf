"""What the benchmarks measure with: an installed runtime, the default model, and one process that times a workload."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness import paths
from harness.catalog import fetch, models
from harness.catalog.identity import identify
from harness.measure.trial import Purpose, Trial
from harness.measure.workload import WorkloadPlan
from harness.progress import SILENT
from harness.run.execute import bundle
from harness.run.execute.collect import collect
from harness.run.execute.launcher import Deadlines, Interpreter, run_worker
from harness.run.execute.telemetry import Telemetry
from harness.run.prepare import convert, environments, installing
from harness.terminal.progress import shown
from harness.worker.frames import Frame
from harness.worker.plan import Plan
from runtimes.table import find

MODEL = "gemma-3-270m-q4_k_m"


@dataclass(frozen=True)
class Rig:
    """Everything in place."""

    cache: Path
    place: environments.Place
    model: Path
    interpreter: Interpreter
    runtime: str = "llama.cpp"
    format: str = "gguf"

    def timed(
        self,
        workload: WorkloadPlan,
        options: dict[str, Any],
        trials: int = 3,
        seed: int = 0,
        telemetry: Telemetry | None = None,
    ) -> list[Trial]:
        """The timed trials of one fresh process."""
        plan = Plan(
            self.runtime, str(self.model), self.format, options, seed=seed, timed_trials=trials, workloads=(workload,)
        )
        frames: list[Frame] = []

        def hear(frame: Frame) -> None:
            frames.append(frame)
            if telemetry is not None:
                if frame.kind == "loaded":
                    telemetry.begin(frame.header["facts"])
                if frame.kind == "trial":
                    telemetry.trial()
                telemetry.rest()

        ended = run_worker(self.interpreter, plan, Deadlines(), hear)
        if telemetry is not None:
            telemetry.end()
        if ended.error is not None:
            raise ended.error
        return [trial for trial in collect(0, frames).trials if trial.purpose is Purpose.TIMED]


def ready(runtime: str = "llama.cpp", model_id: str = MODEL) -> Rig:
    """Install, fetch and convert what is missing, of a model of the catalogue; on the CPU."""
    cache = paths.cache()
    place = environments.place(cache, runtime, "cpu")
    with shown() as progress:
        installing.install(place, progress)
    reference = models.load(model_id)
    model = fetch.fetch(reference, cache, SILENT)
    folder, _ = bundle.make(cache)
    interpreter = Interpreter(place.python, folder, cache / "worker-home")
    if "gguf" in find(runtime).formats:
        return Rig(cache, place, model, interpreter, runtime)
    converted = convert.prepare(runtime, identify(reference, model, cache), model, interpreter, cache, SILENT)
    return Rig(cache, place, converted, interpreter, runtime, "safetensors")
