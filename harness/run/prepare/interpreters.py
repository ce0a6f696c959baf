"""Which interpreter runs the worker: the runtime's own environment, installed when it is missing, or one that was named."""

from __future__ import annotations

import sys
from pathlib import Path

from harness import paths
from harness.progress import Progress
from harness.run.execute import bundle
from harness.run.execute.launcher import Interpreter
from harness.run.prepare import choosing, environments, installing
from harness.run.prepare.backend import Choice
from harness.run.request import Request
from runtimes.table import find


def interpreter_for(runtime: str, cache: Path, progress: Progress) -> Interpreter:
    """The interpreter of a runtime's own environment, installed when it is missing."""
    folder, _ = bundle.make(cache)
    where, _ = _installed(runtime, choosing.choice_of(runtime, "auto", cache), cache, progress)
    return Interpreter(where, folder, cache / "worker-home")


def backend_of(runtime: str, asked: str) -> str:
    """The backend to build for: as asked, or what suits the machine."""
    return choosing.choice_of(runtime, asked, paths.cache()).backend


def python_for(
    request: Request, choice: Choice, cache: Path, progress: Progress
) -> tuple[Path, environments.Installed | None]:
    """The executable, and the environment that it is of, where we made one."""
    if request.python is not None:
        return request.python.absolute(), None
    if find(request.runtime).capabilities.in_core:
        return Path(sys.executable), None
    return _installed(request.runtime, choice, cache, progress)


def _installed(runtime: str, choice: Choice, cache: Path, progress: Progress) -> tuple[Path, environments.Installed]:
    if choice.line:
        progress.stage(choice.line)
    where = environments.place(cache, runtime, choice.backend)
    installed = where.installed()
    if installed is None:
        progress.stage(f"installing {runtime} ({where.backend}); once, some minutes")
        installed = installing.install(where, progress)
    return where.python, installed
