"""Which interpreter runs the worker: the runtime's own environment, installed when it is missing, or one that was named."""

from __future__ import annotations

import sys
from pathlib import Path

from harness import paths
from harness.progress import Progress
from harness.run.execute import bundle
from harness.run.execute.launcher import Interpreter
from harness.run.prepare import choosing, environments, installing, resolving
from harness.run.prepare.backend import Choice
from harness.run.request import Request
from runtimes.releases import Named


def interpreter_for(runtime: str, cache: Path, progress: Progress, backend: str = "auto") -> Interpreter:
    """The interpreter of a runtime's own environment, installed when it is missing."""
    folder, _ = bundle.make(cache)
    named = Named(runtime, "")
    where, _ = _installed(named, choosing.choice_of(named, backend, cache), cache, progress)
    return Interpreter(where, folder, cache / "worker-home")


def backend_of(runtime: str, asked: str) -> str:
    """The backend to build for: as asked, or what suits the machine."""
    return choosing.choice_of(Named(runtime, ""), asked, paths.cache()).backend


def resolved(runtime: Named, backend: str, cache: Path, progress: Progress) -> None:
    """See that the release's lock is kept; it is looked for in the package index where it is not. Of a pinned one it is ours."""
    recipe = environments.recipe_of(runtime.name)
    if not environments.pins(recipe, backend, runtime.release):
        owner = Named(recipe.environment or runtime.name, runtime.release)
        resolving.ensure(cache, owner, recipe, backend, progress)


def python_for(
    request: Request, choice: Choice, cache: Path, progress: Progress
) -> tuple[Path, environments.Installed | None]:
    """The executable, and the environment that it is of, where we made one."""
    if request.python is not None:
        return request.python.absolute(), None
    if not choice.backend:
        return Path(sys.executable), None
    return _installed(request.named, choice, cache, progress)


def _installed(runtime: Named, choice: Choice, cache: Path, progress: Progress) -> tuple[Path, environments.Installed]:
    if choice.line:
        progress.stage(choice.line)
    where = environments.place(cache, runtime.name, choice.backend, runtime.release)
    installed = where.installed()
    if installed is None or not where.has_program:
        progress.stage(f"installing {runtime} ({where.backend}); once, some minutes")
        installed = installing.install(where, progress)
    return where.python, installed
