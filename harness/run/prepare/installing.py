"""Makes a runtime's environment from its lock with hashes; complete once `install.json` is there."""

from __future__ import annotations

import json
import re
import shutil
import sys
import time
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path

from harness.errors import Interrupted, RunFailed
from harness.files import locked, need_room, write_text
from harness.progress import Progress
from harness.run.execute import bundle
from harness.run.prepare import (
    adapter_files,
    compiling,
    failed_build,
    lock_file,
    moving,
    probing,
    server_program,
    steps,
)
from harness.run.prepare.environments import Installed, Place
from harness.run.prepare.toolchains import cuda_root
from runtimes import table

# What a worker needs of an environment: numpy, and an adapter that imports. The folder is the worker's bundle.
_BEGINS = "import sys, importlib; sys.path.append(sys.argv[1]); import numpy; importlib.import_module(sys.argv[2])"
_FLAG = re.compile(r"-D[A-Za-z0-9_]+(?::[A-Z]+)?=[A-Za-z0-9_.;+-]*")


def install(where: Place, progress: Progress, *, again: bool = False) -> Installed:
    """Make the environment, unless it is there: aside, and moved to its place when it is whole.

    Raises `RunFailed` with the first error and the option that works here; a build that failed before is not tried a second
    time, unless `again`. Raises `BadInput` for a kept lock whose hashes are not the index's, and for an engine that its adapter
    can't drive.
    """
    where.folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(where.folder.with_suffix(".lock"), f"another install of {where.asked} is running"):
        there = where.installed()
        if there is not None:
            _with_program(where, progress)
            return there
        compiling.need_tools(where.recipe)
        compiling.need_toolchain(where)
        compiling.refuse_known_failure(where, again)
        need_room(where.folder.parent, where.recipe.backends[where.backend].room_gib << 30)
        aside = where.aside
        shutil.rmtree(aside.folder, ignore_errors=True)
        aside.folder.parent.mkdir(exist_ok=True)
        try:
            done = _made(aside, where.folder.with_suffix(".log"), progress)
            write_text(aside.folder / "install.json", json.dumps(asdict(done), indent=1))
            moving.move(aside.folder, where.folder)
        except KeyboardInterrupt:
            raise _stopped(where) from None
        finally:
            shutil.rmtree(aside.folder, ignore_errors=True)
        failed_build.forget(where.folder)
        _with_program(where, progress)
        return done


def _with_program(where: Place, progress: Progress) -> None:
    """The program that its recipe has beside the packages; without it the environment is whole for others."""
    if where.has_program:
        return
    compiling.need_tools(where.recipe)
    try:
        server_program.build(where, where.folder.with_suffix(".program.log"), progress)
    except KeyboardInterrupt:
        raise _stopped(where) from None


def _made(where: Place, log: Path, progress: Progress) -> Installed:
    """All steps, each into the log. What is downloaded comes before what takes minutes."""
    log.unlink(missing_ok=True)
    progress.advance("making the environment", 0, 0)
    steps.run([sys.executable, "-m", "venv", str(where.folder)], log, {}, None)
    _install(where, log, progress)
    if where.cuda is not None:
        _try_cuda(where, progress)
    began = time.monotonic()
    wheel = compiling.built_wheel(where, log, progress)
    seconds = int(time.monotonic() - began)
    if wheel is not None:
        steps.run([*_pip(where), str(wheel)], log, {}, None)
    if where.runtime not in table.BUILT_IN:
        progress.advance("bringing the adapter", 0, 0)
        _bring_adapter(where, log)
    built = dict(lock_file.blocks(where.lock_text)).get(where.recipe.built, "")
    return Installed(
        runtime=where.runtime,
        backend=where.backend,
        key=where.folder.name,
        lock_sha256=sha256(where.lock_text.encode()).hexdigest(),
        # The operator's own flags are honoured; one that holds a path is not for publication.
        build_flags=tuple(f if _FLAG.fullmatch(f) else "a flag, not recorded" for f in where.flags),
        built_wheel_sha256=sha256(wheel.read_bytes()).hexdigest() if wheel else "",
        build_seconds=seconds,
        release=where.release,
        version=probing.probed(where) if where.release else "",
        source_sha256=tuple(lock_file.hashes(built)),
    )


def _try_cuda(where: Place, progress: Progress) -> None:
    """One kernel by the very compiler and libraries of the build: seconds, and not minutes, until it is known to fail."""
    assert where.cuda is not None  # noqa: S101 - asked for
    root = compiling.toolkit_of(where)
    if where.cuda.from_index:
        cuda_root.complete(root)
    progress.advance("trying the CUDA compiler", 0, 0)
    cuda_root.try_out(where.cuda, root, where.folder)


def _bring_adapter(where: Place, log: Path) -> None:
    """The adapter's own package as it is installed beside this program, and proof that a worker could begin with it."""
    adapter_files.copy(where.runtime, where.python)
    worker, _ = bundle.make(where.cache)
    command = [str(where.python), "-I", "-c", _BEGINS, str(worker), table.module_of(where.runtime)]
    try:
        steps.run(command, log, {}, None)
    except steps.StepFailed as error:
        raise RunFailed(
            f"a worker can't begin in the environment ({error.said})",
            where=f"{where.runtime}'s recipe",
            fix="its lock must pin numpy and whatever the adapter's module imports at its top",
        ) from error


def _stopped(where: Place) -> Interrupted:
    kept = ["what was downloaded"] if not where.recipe.built else []
    if where.recipe.built and any(where.shelf.glob("*.whl")):
        kept.append(f"{where.recipe.built} as built")
    what = f"{' and '.join(kept)} is kept" if kept else "nothing is half installed"
    return Interrupted(
        f"stopped while installing {where.asked} for {where.backend}; {what}",
        where="install",
        fix="the same command continues from there" if kept else "the same command begins the build again",
    )


def _pip(where: Place) -> list[str]:
    return [str(where.python), "-m", "pip", "install", "--no-deps", "--disable-pip-version-check"]


def _install(where: Place, log: Path, progress: Progress) -> None:
    """Everything of the lock but what is built; what PyPI may not have comes first, from its own index if need be."""
    recipe = where.recipe
    found = [(name, block) for name, block in lock_file.blocks(where.lock_text) if name != recipe.built]
    first = [block for name, block in found if name in recipe.indexed]
    for name, part in (("indexed.txt", first), ("lock.txt", [block for n, block in found if n not in recipe.indexed])):
        if not part:
            continue
        path = where.folder / name
        path.write_text("".join(part))
        command = [*_pip(where), "--require-hashes", "-r", str(path)]
        if recipe.wheels:
            command += ["--no-index", "--find-links", str(recipe.wheels)]
        done = 0

        def note(line: str) -> None:
            nonlocal done
            if line.startswith("Collecting "):
                done += 1
                progress.advance(f"downloading {line.split()[1].split('=')[0]}", done, len(found))

        try:
            steps.run(command, log, {}, note)
        except steps.StepFailed as error:
            compiling.refuse_other_bytes(where, log, error)
            if name == "lock.txt" or not recipe.index or recipe.wheels:
                raise
            steps.run([*command, "--extra-index-url", recipe.index], log, {}, note)
    progress.advance("installed", len(found), len(found))
