"""The story of a run: prepare, execute, conclude. Each step is a module of its own in the folder of that name."""

from __future__ import annotations

from pathlib import Path

from harness.progress import Progress
from harness.run.prepare.inputs import prepare
from harness.run.prepare.interpreters import backend_of, interpreter_for
from harness.run.request import Request
from harness.run.session import Session, alone

__all__ = ["backend_of", "bench", "interpreter_for", "prepare"]


def bench(request: Request, progress: Progress) -> Path:
    """Measure and write the record; returns its path. Raises `ReproError`s, each with the way out; `EngineFailed` where a record
    says that the engine failed.
    """
    with alone(progress, [request]):
        session = Session(request, progress)
        while session.step():
            pass
        return session.conclude()
