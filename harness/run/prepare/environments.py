"""Each runtime's own virtual environment in the cache, made from its lock with hashes; complete once `install.json` is there."""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from harness.errors import BadInput, Interrupted, RunFailed, RuntimeUnavailable
from harness.files import locked, need_room, read_limited, write_text
from harness.progress import Progress
from harness.run.execute import bundle
from harness.run.prepare import adapter_files, failed_build
from runtimes import table
from runtimes.recipes import Recipe

_MARKER_LIMIT = 1 << 20
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_NINJA = re.compile(r"\[(\d+)/(\d+)\]")
_BUILDS = re.compile(r"Building wheel|Configuring CMake|CMake Error|Preparing metadata", re.IGNORECASE)
# What a worker needs of an environment: numpy, and an adapter that imports. The folder is the worker's bundle.
_BEGINS = "import sys, importlib; sys.path.append(sys.argv[1]); import numpy; importlib.import_module(sys.argv[2])"
_FLAG = re.compile(r"-D[A-Za-z0-9_]+(?::[A-Z]+)?=[A-Za-z0-9_.;+-]*")


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
            recipe = recipe_of(self.runtime)
            block = dict(blocks(recipe.lock_text(self.backend) or "")).get(recipe.built, "")
            found |= {"built": self.built, "source_sha256": _HASH.findall(block)}
        return found


@dataclass(frozen=True, slots=True)
class Place:
    """Where the environment for one runtime and backend lies on this machine."""

    folder: Path
    recipe: Recipe
    runtime: str
    backend: str
    lock_text: str
    flags: tuple[str, ...]

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

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


def place(cache: Path, runtime: str, backend: str) -> Place:
    """The place of an environment; its name changes with lock, flags, Python and instruction set."""
    recipe = recipe_of(runtime)
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
    own = os.environ.get("CMAKE_ARGS", "").split() if recipe.built else []
    flags = (*recipe.backends[backend].flags, *own)
    parts = (lock, *flags, platform.python_version(), platform.machine(), _instruction_set() if recipe.built else "")
    if runtime not in table.BUILT_IN:
        parts += (adapter_files.digest(runtime),)
    key = sha256("\0".join(parts).encode()).hexdigest()[:12]
    return Place(cache / "runtimes" / runtime / f"{backend}-{key}", recipe, runtime, backend, lock, flags)


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
    """What an `install.json` says; None where it is missing or damaged: then the environment is made anew."""
    try:
        data = json.loads(read_limited(marker, _MARKER_LIMIT, "the marker of an environment"))
        return Installed(**{**data, "build_flags": tuple(data["build_flags"])})
    except (BadInput, ValueError, TypeError, KeyError, RecursionError):
        return None


def install(where: Place, progress: Progress, *, again: bool = False) -> Installed:
    """Make the environment, unless it is there. Raises `RunFailed` with the first error and the option that works here;
    a build that failed before is not tried a second time, unless `again`.
    """
    where.folder.parent.mkdir(parents=True, exist_ok=True)
    with locked(where.folder.with_suffix(".lock"), f"another install of {where.runtime} is running"):
        there = where.installed()
        if there is not None:
            return there
        _refuse_known_failure(where, again)
        _need_tools(where.recipe)
        need_room(where.folder.parent, where.recipe.backends[where.backend].room_gib << 30)
        shutil.rmtree(where.folder, ignore_errors=True)
        log = where.folder.with_suffix(".log")
        log.unlink(missing_ok=True)
        began = time.monotonic()
        progress.advance("making the environment", 0, 0)
        try:
            _run([sys.executable, "-m", "venv", str(where.folder)], log, {}, None)
            wheel = _built_wheel(where, log, progress)
            seconds = int(time.monotonic() - began)
            _install(where, log, progress)
            if wheel is not None:
                _run([*_pip(where), str(wheel)], log, {}, None)
            if where.runtime not in table.BUILT_IN:
                progress.advance("bringing the adapter", 0, 0)
                _bring_adapter(where, log)
        except KeyboardInterrupt:
            raise _stopped(where) from None
        done = Installed(
            runtime=where.runtime,
            backend=where.backend,
            key=where.folder.name,
            lock_sha256=sha256(where.lock_text.encode()).hexdigest(),
            # The operator's own flags are honoured; one that holds a path is not for publication.
            build_flags=tuple(f if _FLAG.fullmatch(f) else "a flag, not recorded" for f in where.flags),
            built_wheel_sha256=sha256(wheel.read_bytes()).hexdigest() if wheel else "",
            build_seconds=seconds,
        )
        write_text(where.folder / "install.json", json.dumps(asdict(done), indent=1))
        failed_build.forget(where.folder)
        return done


def _bring_adapter(where: Place, log: Path) -> None:
    """The adapter's own package as it is installed beside this program, and proof that a worker could begin with it."""
    adapter_files.copy(where.runtime, where.python)
    worker, _ = bundle.make(where.folder.parents[2])
    command = [str(where.python), "-I", "-c", _BEGINS, str(worker), table.module_of(where.runtime)]
    try:
        _run(command, log, {}, None)
    except _StepFailed as error:
        raise RunFailed(
            f"a worker can't begin in the environment ({error.said})",
            where=f"{where.runtime}'s recipe",
            fix="its lock must pin numpy and whatever the adapter's module imports at its top",
        ) from error


def _way_out(where: Place) -> str:
    """What works instead of a build for a GPU."""
    offered = where.backend != "cpu" and "cpu" in where.recipe.backends and where.recipe.lock_text("cpu") is not None
    return "measure on the CPU with --backend cpu, or " if offered else ""


def _refuse_known_failure(where: Place, again: bool) -> None:
    known = failed_build.remembered(where.folder)
    if known is None or again:
        return
    said, when = known
    raise RunFailed(
        f"the build for {where.backend} failed on {when} ({said}) and is not tried again",
        where=where.runtime,
        fix=f"{_way_out(where)}mend that and run: repro runtime install {where.runtime} --backend {where.backend} --again",
        code="build failed",
    )


def _shelf(where: Place) -> Path:
    """Where the wheel that was compiled for this place lies."""
    return where.folder.parents[1] / "wheels" / where.folder.name


def _stopped(where: Place) -> Interrupted:
    kept = ["what was downloaded"] if not where.recipe.built else []
    if where.recipe.built and any(_shelf(where).glob("*.whl")):
        kept.append(f"{where.recipe.built} as built")
    what = f"{' and '.join(kept)} is kept" if kept else "nothing is half installed"
    return Interrupted(
        f"stopped while installing {where.runtime} for {where.backend}; {what}",
        where="install",
        fix="the same command continues from there" if kept else "the same command begins the build again",
    )


def _pip(where: Place) -> list[str]:
    return [str(where.python), "-m", "pip", "install", "--no-deps", "--disable-pip-version-check"]


def _install(where: Place, log: Path, progress: Progress) -> None:
    """Everything of the lock but what is built; what PyPI may not have comes first, from its own index if need be."""
    recipe = where.recipe
    found = [(name, block) for name, block in blocks(where.lock_text) if name != recipe.built]
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
            _run(command, log, {}, note)
        except RunFailed:
            if name == "lock.txt" or not recipe.index or recipe.wheels:
                raise
            _run([*command, "--extra-index-url", recipe.index], log, {}, note)
    progress.advance("installed", len(found), len(found))


def _need_tools(recipe: Recipe) -> None:
    missing = [tool for tool in recipe.tools if shutil.which(tool) is None]
    if missing:
        what = f"{recipe.built} is built from source" if recipe.built else "the engine compiles its kernels with it"
        raise RuntimeUnavailable(
            f"no {' or '.join(missing)} on this machine, and {what}",
            where="compiler",
            fix="install a C++ compiler (Debian: apt-get install build-essential; macOS: xcode-select --install)",
        )


def blocks(lock: str) -> list[tuple[str, str]]:
    """Each requirement of a lock with its hashes, by name."""
    found: list[tuple[str, str]] = []
    for line in lock.splitlines(keepends=True):
        if line.startswith((" ", "\t")) and found:
            found[-1] = (found[-1][0], found[-1][1] + line)
        elif line.strip() and not line.startswith("#"):
            found.append((re.split(r"[=<>!~ ;\[]", line, maxsplit=1)[0].lower(), line))
    return found


def _built_wheel(where: Place, log: Path, progress: Progress) -> Path | None:
    """The wheel compiled for this place; kept apart from pip's cache, which does not know build flags."""
    recipe = where.recipe
    if not recipe.built:
        return None
    shelf = _shelf(where)
    if not any(shelf.glob("*.whl")):
        one = where.folder / "built.txt"
        one.write_text(dict(blocks(where.lock_text))[recipe.built])
        scratch = where.folder / "wheel"
        progress.advance(f"downloading {recipe.built}", 0, 0)
        arguments = ["-v", "--no-deps", "--no-cache-dir", "--require-hashes", "-r", str(one), "-w", str(scratch)]
        if recipe.wheels:
            arguments += ["--no-index", "--find-links", str(recipe.wheels)]
        flags = {"CMAKE_ARGS": " ".join(where.flags)}

        built = False

        def note(line: str) -> None:
            nonlocal built
            built = built or _BUILDS.search(line) is not None
            step = _NINJA.search(line)
            if step:
                progress.advance(f"building {recipe.built}", int(step[1]), int(step[2]))

        try:
            _run([str(where.python), "-m", "pip", "wheel", *arguments], log, flags, note)
        except _StepFailed as error:
            # Without the source nothing was built: the network may be back at the next try.
            if built:
                failed_build.remember(where.folder, error.said)
            raise RunFailed(
                f"building {recipe.built} for {where.backend} failed: {error.said}",
                where="install",
                fix=f"{_way_out(where)}see the whole log: {log}",
                code="build failed",
            ) from error
        shelf.parent.mkdir(parents=True, exist_ok=True)
        os.replace(scratch, shelf)
    return next(shelf.glob("*.whl"))


class _StepFailed(RunFailed):
    """A step of an installation; `said` is its first error."""

    def __init__(self, program: str, said: str, log: Path) -> None:
        super().__init__(f"{program} failed: {said}", where="install", fix=f"the whole log is {log}")
        self.said = said

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        """As the error that a user sees."""
        return RunFailed, (str(self),)


def _run(command: Sequence[str], log: Path, extra: dict[str, str], note: Callable[[str], None] | None) -> None:
    """Run a step, its output into the log and, line by line, to `note`; the whole group is ended with us."""
    lines: list[str] = []
    with log.open("a") as out:
        child = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            env=os.environ | extra, start_new_session=True,
        )  # fmt: skip
        try:
            assert child.stdout is not None  # noqa: S101 - asked for
            for line in child.stdout:
                out.write(line)
                lines.append(line.rstrip("\n"))
                if note is not None:
                    note(line)
            code = child.wait()
        finally:
            if child.poll() is None:
                os.killpg(child.pid, 9)
            child.wait()
            if child.stdout is not None:
                child.stdout.close()
    if code:
        raise _StepFailed(Path(command[0]).name, failed_build.first_error(lines) or f"exit status {code}", log)
