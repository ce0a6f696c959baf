"""Compiles the one distribution of a recipe that has no wheel, and keeps the wheel on a shelf in the cache."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

from harness.errors import BadInput, RunFailed, RuntimeUnavailable
from harness.progress import Progress
from harness.run.prepare import failed_build, kept_locks, lock_file, steps
from harness.run.prepare.environments import Place
from harness.run.prepare.toolchains import cuda_root, here
from runtimes.recipes import Recipe

_NINJA = re.compile(r"\[(\d+)/(\d+)\]")
_BUILDS = re.compile(r"Building wheel|Configuring CMake|CMake Error|Preparing metadata", re.IGNORECASE)


def need_tools(recipe: Recipe) -> None:
    """Raises `RuntimeUnavailable` where a program that the recipe needs is not on this machine."""
    missing = [tool for tool in recipe.tools if shutil.which(tool) is None]
    if missing:
        what = f"{recipe.built} is built from source" if recipe.built else "the engine compiles its kernels with it"
        raise RuntimeUnavailable(
            f"no {' or '.join(missing)} on this machine, and {what}",
            where="compiler",
            fix="install a C++ compiler (Debian: apt-get install build-essential; macOS: xcode-select --install)",
        )


def need_toolchain(where: Place) -> None:
    """Raises `RuntimeUnavailable` where this build can't be made here, in one line, before anything is fetched for it."""
    if not where.recipe.built:
        lack = here.too_old_for(where.lock_text) if where.backend == "cuda" else None
    else:
        built = any(where.shelf.glob("*.whl"))
        lack = None if built else here.missing(where.recipe.backends[where.backend])
    if lack is not None:
        raise RuntimeUnavailable(
            f"can't be installed for this machine: {lack.what}",
            where=f"--backend {where.backend}",
            fix=f"{lack.fix}{_or_else(where)}",
        )


def _or_else(where: Place) -> str:
    return ", or measure on the CPU with --backend cpu" if way_out(where) else ""


def way_out(where: Place) -> str:
    """What works instead of a build for a GPU."""
    offered = where.backend != "cpu" and "cpu" in where.recipe.backends and where.recipe.lock_text("cpu") is not None
    return "measure on the CPU with --backend cpu, or " if offered else ""


def refuse_known_failure(where: Place, again: bool) -> None:
    """Raises `RunFailed` where this build failed before, unless it is asked for `again`."""
    known = failed_build.remembered(where.home)
    if known is None or again:
        return
    said, when = known
    raise RunFailed(
        f"the build for {where.backend} failed on {when} ({said}) and is not tried again",
        where=str(where.asked),
        fix=f"{way_out(where)}mend that and run: repro runtime install {where.asked} --backend {where.backend} --again",
        code="build failed",
    )


def refuse_other_bytes(where: Place, log: Path, error: steps.StepFailed) -> None:
    """Raises `BadInput` where the hashes of a kept lock are not those of the index's files; of a lock of ours pip's words do."""
    if not where.release or "DO NOT MATCH THE HASHES" not in log.read_text(errors="replace"):
        return
    path = kept_locks.path_of(where.cache, where.runtime, where.backend, where.release)
    raise BadInput(
        "the index has other files than this lock names (a sha256 differs)",
        where=str(path),
        fix="take the lock from where it was made, or remove that file: the release is resolved again",
    ) from error


def built_wheel(where: Place, log: Path, progress: Progress) -> Path | None:
    """The wheel compiled for this place; kept apart from pip's cache, which does not know build flags."""
    recipe = where.recipe
    if not recipe.built:
        return None
    shelf = where.shelf
    if not any(shelf.glob("*.whl")):
        one = where.folder / "built.txt"
        one.write_text(dict(lock_file.blocks(where.lock_text))[recipe.built])
        scratch = where.folder / "wheel"
        progress.advance(f"downloading {recipe.built}", 0, 0)
        arguments = ["-v", "--no-deps", "--no-cache-dir", "--require-hashes", "-r", str(one), "-w", str(scratch)]
        if recipe.wheels:
            arguments += ["--no-index", "--find-links", str(recipe.wheels)]
        flags = {"CMAKE_ARGS": " ".join((*where.flags, *_flags_of_place(where)))}

        built = False

        def note(line: str) -> None:
            nonlocal built
            built = built or _BUILDS.search(line) is not None
            step = _NINJA.search(line)
            if step:
                progress.advance(f"building {recipe.built}", int(step[1]), int(step[2]))

        try:
            steps.run([str(where.python), "-m", "pip", "wheel", *arguments], log, flags, note)
        except steps.StepFailed as error:
            refuse_other_bytes(where, log, error)
            # Without the source nothing was built: the network may be back at the next try.
            if built:
                failed_build.remember(where.home, error.said)
            raise RunFailed(
                f"building {recipe.built} for {where.backend} failed: {error.said}",
                where="install",
                fix=f"{way_out(where)}see the whole log: {log}",
                code="build failed",
            ) from error
        shelf.parent.mkdir(parents=True, exist_ok=True)
        os.replace(scratch, shelf)
    return next(shelf.glob("*.whl"))


def _flags_of_place(where: Place) -> tuple[str, ...]:
    return () if where.cuda is None else cuda_root.place_flags(where.cuda, toolkit_of(where))


def toolkit_of(where: Place) -> Path:
    """The root of the CUDA toolkit that this place is built with."""
    root = where.cuda.toolkit.root if where.cuda else ""
    return Path(root) if root else cuda_root.root_of(where.folder)
