"""Each runtime's own virtual environment in the cache: where it lies, and what is there once `install.json` is."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.errors import BadInput, RuntimeUnavailable
from harness.files import read_limited
from harness.run.prepare import adapter_files, kept_locks, lock_file
from harness.run.prepare.toolchains import cuda_root, here
from harness.run.prepare.toolchains.cuda import CudaBuild
from runtimes import table
from runtimes.interface import Runtime
from runtimes.recipes import Recipe
from runtimes.releases import Named

_MARKER_LIMIT = 1 << 20


@dataclass(frozen=True, slots=True)
class Installed:
    """A finished environment; what of it enters a record is `public`."""

    runtime: str
    backend: str
    key: str
    lock_sha256: str
    build_flags: tuple[str, ...]
    built_wheel_sha256: str
    build_seconds: int
    release: str = ""  # of the engine, where it was asked for and is not the pinned one
    version: str = ""  # of the engine's distribution, as the environment itself says; "": made before this was asked
    source_sha256: tuple[str, ...] = ()  # of what was compiled

    @property
    def built(self) -> str:
        """The distribution that was compiled here; "" where all of it came from an index."""
        return recipe_of(self.runtime).built if self.built_wheel_sha256 else ""

    def public(self) -> dict[str, Any]:
        """What a record says of it: no digest, name or time of a build, which no other machine has (docs/decisions/0034)."""
        found: dict[str, Any] = {
            "runtime": self.runtime,
            "backend": self.backend,
            "lock_sha256": self.lock_sha256,
            "build_flags": self.build_flags,
        }
        if self.built:
            found |= {"built": self.built, "source_sha256": list(self.source_sha256) or self._pinned_source()}
        if self.release:
            found |= {"release": self.release}
        return found

    def _pinned_source(self) -> list[str]:
        """Of an environment that was made before its marker said it."""
        recipe = recipe_of(self.runtime)
        return lock_file.hashes(dict(lock_file.blocks(recipe.lock_text(self.backend) or "")).get(recipe.built, ""))


@dataclass(frozen=True, slots=True)
class Place:
    """Where the environment for one runtime, release and backend lies on this machine."""

    cache: Path
    home: Path  # where it lies when it is whole; what is remembered of it lies beside
    folder: Path
    recipe: Recipe
    runtime: str
    backend: str
    lock_text: str
    flags: tuple[str, ...]
    shelf: Path  # the folder for the wheel that is compiled for it
    release: str = ""  # "": the one that the recipe pins
    cuda: CudaBuild | None = None  # what a build for CUDA is made with; None where it needs none or can't be made

    @property
    def asked(self) -> Named:
        """As a user names it."""
        return Named(self.runtime, self.release)

    @property
    def aside(self) -> Place:
        """The same environment while it is made: nothing finds it there."""
        return replace(self, folder=self.home.parent / "making" / self.home.name)

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    @property
    def program(self) -> Path:
        """Where the program lies that its recipe has beside the packages; to be asked where it has one."""
        return self.folder / "bin" / self.recipe.program

    @property
    def has_program(self) -> bool:
        """Whether it is there, or the recipe has none."""
        return not self.recipe.program or self.program.is_file()

    def installed(self) -> Installed | None:
        """What is there, if it is complete."""
        return _read(self.folder / "install.json") if self.python.exists() else None


def recipe_of(runtime: str) -> Recipe:
    """As the adapter brings it. Raises `BadInput` where it brings none."""
    adapter = table.find(runtime)
    recipe = adapter.recipe
    if recipe is None and adapter.capabilities.in_core:
        raise BadInput(
            f"{runtime} has no environment to install", where="--runtime", fix="it runs as it is: repro bench"
        )
    if recipe is None:
        raise BadInput(
            f"{runtime} brings no recipe for an environment",
            where="--runtime",
            fix="give its interpreter: repro bench --python PATH",
        )
    fault = recipe.fault()
    if fault:
        fix = "mend the adapter's package, or give an interpreter: repro bench --python PATH"
        raise RuntimeUnavailable(fault, where=runtime, fix=fix)
    return recipe


def refuse_shared(adapter: Runtime) -> None:
    """Raises `BadInput` for a runtime that lives in the environment of another: that one's name removes it."""
    owner = "" if adapter.recipe is None else adapter.recipe.environment
    if owner:
        raise BadInput(
            f"it is a part of the environment of {owner}", where=adapter.name, fix=f"run: repro runtime remove {owner}"
        )


def pins(recipe: Recipe, backend: str, release: str) -> bool:
    """Whether the release is the one that the recipe pins: then its own lock is taken."""
    pinned = lock_file.version_of(recipe.lock_text(backend) or "", recipe.distribution(backend))
    return not release or release == pinned.partition("+")[0]


def is_of(installed: Installed, release: str) -> bool:
    """Whether an environment holds that release; any does for ""."""
    pinned = not installed.release and pins(recipe_of(installed.runtime), installed.backend, release)
    return release in ("", installed.release) or pinned


def has_lock(cache: Path, runtime: str, backend: str, release: str = "") -> bool:
    """Whether the place is known without asking an index."""
    recipe = recipe_of(runtime)
    if pins(recipe, backend, release):
        return recipe.lock_text(backend) is not None
    return kept_locks.path_of(cache, recipe.environment or runtime, backend, release).is_file()


def place(cache: Path, runtime: str, backend: str, release: str = "") -> Place:
    """The place of an environment; its name changes with lock, flags, Python and instruction set.

    A release that the recipe does not pin must have been resolved (`resolving.ensure`).
    """
    recipe = recipe_of(runtime)
    runtime = recipe.environment or runtime
    lock = _pinned(recipe, runtime, backend)
    release = "" if pins(recipe, backend, release) else release
    if release:
        path = kept_locks.path_of(cache, runtime, backend, release)
        kept = kept_locks.read(path, recipe, backend, release)
        if kept is None:
            fix = f"run: repro runtime install {runtime}@{release} --backend {backend}"
            raise RuntimeUnavailable("no lock of this release is kept", where=f"{runtime}@{release}", fix=fix)
        lock = kept
    own = os.environ.get("CMAKE_ARGS", "").split() if recipe.built else []
    made_with = here.cuda_build(recipe.backends[backend])
    cuda = made_with if isinstance(made_with, CudaBuild) else None
    lock = cuda_root.joined(lock, cuda)
    instructions = _instruction_set() if recipe.built else ""
    flags = (*recipe.backends[backend].flags, *(recipe.amx_flags if "amx_int8" in instructions.split() else ()))
    flags += (*(cuda_root.flags(cuda) if cuda else ()), *own)
    parts = (lock, *flags, platform.python_version(), platform.machine(), instructions)
    parts += (cuda.toolkit.said, cuda.toolkit.root, cuda.host_compiler) if cuda else ()
    if runtime not in table.BUILT_IN:
        parts += (adapter_files.digest(runtime),)
    key = f"{backend}-{sha256(chr(0).join(parts).encode()).hexdigest()[:12]}"
    folder, shelf = cache / "runtimes" / runtime / key, cache / "runtimes" / "wheels" / key
    return Place(cache, folder, folder, recipe, runtime, backend, lock, flags, shelf, release, cuda)


def _pinned(recipe: Recipe, runtime: str, backend: str) -> str:
    """The recipe's own lock. Raises `BadInput` for a backend that it lacks, `RuntimeUnavailable` for one that is not had here."""
    if backend not in recipe.backends:
        raise BadInput(f"no backend {backend!r}", where="--backend", fix=f"take one of {', '.join(recipe.backends)}")
    lock = recipe.lock_text(backend)
    if lock is None:
        system, machine, version = recipe.backends[backend].only or ("", "", "")
        raise RuntimeUnavailable(
            f"{runtime} for {backend} is pinned for {system} on {machine} with Python {version} only",
            where="--backend",
            fix="take another backend or runtime, make .venv with that Python, or give an interpreter with --python PATH",
        )
    return lock


def _instruction_set() -> str:
    # A build with -march=native is this processor's: on a shared cache another one must build its own.
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line for line in lines if line.startswith(("flags", "Features"))), "")


def every(cache: Path) -> list[tuple[Path, Installed]]:
    """All complete environments in the cache."""
    found = []
    for marker in sorted((cache / "runtimes").glob("*/*/install.json")):
        installed = _read(marker)
        if installed is not None:
            found.append((marker.parent, installed))
    return found


def _read(marker: Path) -> Installed | None:
    """What an `install.json` says; None where it is missing or damaged: the environment is then made again."""
    try:
        data = json.loads(read_limited(marker, _MARKER_LIMIT, "the marker of an environment"))
        lists = {name: tuple(data[name]) for name in ("build_flags", "source_sha256") if name in data}
        return Installed(**{**data, **lists})
    except (BadInput, ValueError, TypeError, KeyError, RecursionError):
        return None
