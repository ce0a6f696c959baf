"""Makes a candidate ready to be measured: its release is installed, its wheel gets an environment, its interpreter is there."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from hashlib import file_digest, sha256
from pathlib import Path

from harness.errors import BadInput, Interrupted
from harness.files import locked, need_room, write_text
from harness.hunt.question import Candidate, Kind, Question, path_of
from harness.progress import Progress
from harness.run.prepare import environments, lock_file, steps
from harness.run.prepare.backend import Choice
from harness.run.prepare.interpreters import python_for, resolved
from harness.run.request import Request

FOLDER = "candidates"  # in the cache: environments of wheels


def ready(question: Question, candidate: Candidate, cache: Path, progress: Progress) -> Request:
    """What measures it, but for its folder and its number of processes. Installs what is missing.

    Raises `BadInput` or `RunFailed` for a candidate that can't be had or built, `RuntimeUnavailable` where the machine lacks what
    every one of them needs.
    """
    request = Request(
        model=question.model,
        runtime=question.runtime,
        suite=question.suite,
        settings=question.settings,
        seed=question.seed,
    )
    match candidate.kind:
        case Kind.INTERPRETER:
            return replace(request, python=path_of(candidate))
        case Kind.WHEEL:
            return replace(request, python=_of_wheel(question, candidate, cache, progress))
        case Kind.RELEASE:
            release = replace(
                request, runtime=f"{question.runtime}@{candidate.place}", backend=question.backend or "auto"
            )
            resolved(release.named, question.backend, cache, progress)
            python_for(release, Choice(question.backend), cache, progress)
            return release


def _of_wheel(question: Question, candidate: Candidate, cache: Path, progress: Progress) -> Path:
    """The interpreter of an environment with the wheel, and all else as the runtime's lock pins it; made once."""
    wheel = path_of(candidate)
    recipe = environments.recipe_of(question.runtime)
    package = recipe.distribution(question.backend)
    lock = recipe.lock_text(question.backend) or ""
    others = "".join(block for name, block in lock_file.blocks(lock) if name != package)
    key = sha256(f"{candidate.sha256}\n{others}".encode()).hexdigest()[:16]
    folder = cache / FOLDER / key
    folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(folder.with_suffix(".lock"), f"another command installs {wheel.name}"):
        if not (folder / "complete.json").exists():
            progress.stage(f"making an environment for {wheel.name}; once")
            need_room(folder.parent, recipe.backends[question.backend].room_gib << 30)
            shutil.rmtree(folder, ignore_errors=True)
            _refuse_changed(wheel, candidate.sha256)
            try:
                _make(folder, wheel, others)
            except KeyboardInterrupt:
                raise Interrupted(
                    "stopped while making the environment", where=wheel.name, fix="continue with --resume"
                ) from None
            write_text(folder / "complete.json", json.dumps({"wheel": wheel.name, "sha256": candidate.sha256}))
    return folder / "bin" / "python"


def _make(folder: Path, wheel: Path, others: str) -> None:
    log = folder.with_suffix(".log")
    log.unlink(missing_ok=True)
    steps.run([sys.executable, "-m", "venv", str(folder)], log, {}, None)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--no-deps", "--disable-pip-version-check"]
    if others:
        pinned = folder / "lock.txt"
        pinned.write_text(others)
        steps.run([*pip, "--require-hashes", "-r", str(pinned)], log, {}, None)
    steps.run([*pip, str(wheel)], log, {}, None)


def _refuse_changed(wheel: Path, digest: str) -> None:
    """Raises `BadInput` where the file is not the one that the list was read with."""
    try:
        with wheel.open("rb") as data:
            same = file_digest(data, "sha256").hexdigest() == digest
    except OSError:
        same = False
    if not same:
        raise BadInput("is not the file any more that the hunt began with", where=str(wheel), fix="put it back")
