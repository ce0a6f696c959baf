"""Locks of releases that were resolved on this machine: kept in the cache, so that the next install has the same bytes."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

from harness.errors import BadInput
from harness.files import read_if_there, write_text
from harness.run.prepare import lock_file
from runtimes.recipes import Recipe
from runtimes.releases import Named

LIMIT = 1 << 20  # bytes


def path_of(cache: Path, runtime: str, backend: str, release: str) -> Path:
    """Where the lock of a release lies: one a backend, Python and kind of machine, since wheels differ by these."""
    here = f"cp{sys.version_info[0]}{sys.version_info[1]}-{platform.system()}-{platform.machine()}".lower()
    return cache / "runtimes" / runtime / "locks" / f"{release}-{backend}-{here}.txt"


def read(path: Path, recipe: Recipe, backend: str, release: str) -> str | None:
    """Its text; None where none is kept. Raises `BadInput` for one that does not hold what its name says."""
    raw = read_if_there(path, LIMIT, "the kept lock")
    if raw is None:
        return None
    text = raw.decode(errors="replace")
    fault = fault_of(text, recipe, backend, release)
    if fault:
        raise BadInput(f"the kept lock {fault}", where=str(path), fix="remove that file: the release is resolved again")
    return text


def every(cache: Path, asked: Named, backend: str | None) -> list[Path]:
    """The locks that are kept of one release; of all backends where none is named."""
    folder = cache / "runtimes" / asked.name / "locks"
    return sorted(path for path in folder.glob(f"{asked.release}-{backend or '*'}-*.txt") if path.is_file())


def keep(path: Path, text: str) -> None:
    """Write a lock that has no fault."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, text)


def fault_of(text: str, recipe: Recipe, backend: str, release: str) -> str:
    """Why this is not a lock of that release; "" where it is one."""
    package = recipe.distribution(backend)
    if not lock_file.is_plain(text):
        return "must hold exact pins with sha256 hashes and nothing else"
    names = [name for name, _ in lock_file.blocks(text)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        return f"must pin {twice[0]} once"
    missing = sorted({package, *recipe.needs} - set(names))
    if missing:
        return f"must pin {missing[0]}"
    found = lock_file.version_of(text, package)
    if found.partition("+")[0] != release:
        return f"must pin {package} {release}, and pins {found}"
    for name in {package, *recipe.indexed} & set(names):
        pinned = lock_file.version_of(recipe.lock_text(backend) or "", name)
        local, theirs = lock_file.local_part(pinned), lock_file.local_part(lock_file.version_of(text, name))
        if local and theirs != local:
            return f"must pin a build of {name} for {local[1:]}, and pins {lock_file.version_of(text, name)}"
    return ""
