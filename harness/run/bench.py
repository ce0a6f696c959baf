"""The story of a run: prepare, execute, conclude. Each step is a module of its own in the folder of that name."""

from __future__ import annotations

from pathlib import Path

from harness import paths
from harness.errors import Interrupted
from harness.files import locked
from harness.progress import Progress
from harness.run.attempt import Unmeasured, begun
from harness.run.conclude.failed import recorded
from harness.run.conclude.write import conclude
from harness.run.execute.measure import measure
from harness.run.execute.worker_failed import WorkerFailed
from harness.run.prepare.inputs import prepare
from harness.run.prepare.interpreters import backend_of, interpreter_for
from harness.run.prepare.tokenise import tokenise
from harness.run.request import Request

__all__ = ["backend_of", "bench", "interpreter_for", "prepare"]


def bench(request: Request, progress: Progress) -> Path:
    """Measure and write the record; returns its path. Raises `ReproError`s, each with the way out; `EngineFailed` where a record
    says that the engine failed.
    """
    cache = paths.cache()
    with locked(cache / "measuring.lock", "another measurement is running on this machine") as held:
        if not held:
            progress.remark("no lock can be held on this system: see to it that nothing else measures here")
        try:
            prepared = prepare(request, cache, progress)
            attempt = begun(prepared)
            try:
                prompts = tokenise(prepared, cache, progress)
            except WorkerFailed as failed:
                raise recorded(attempt, failed) from None
        except KeyboardInterrupt:
            raise Interrupted(
                "Stopped before anything was measured; what was fetched and installed is kept",
                fix="the same command continues from there",
            ) from None
        try:
            evidence, journal = measure(prepared, prompts, progress)
            path = conclude(evidence)
            journal.discard()
            return path
        except Unmeasured as ended:
            raise recorded(ended.attempt, ended.failed) from None
        except KeyboardInterrupt:
            raise Interrupted("Stopped; what was measured is kept", fix="continue with --resume") from None
