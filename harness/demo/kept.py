"""Where the database of a demonstration is kept from one start to the next, and the process that makes it ahead of the first.

Light to load: it is asked before the program is.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from harness import program
from harness.catalog.digest import hash_file
from harness.errors import BadInput
from harness.files import read_limited
from harness.paths import demonstrations_folder

ORIGIN = "demonstration.invalid/registry"
_MARK, DATABASE = "registry.json", "registry.sqlite"  # of an export; of a folder that is none
_MARK_LIMIT = 64 << 10
_MOST_FILES = 10_000  # of an export whose database is kept for the next time


@dataclass(frozen=True, slots=True)
class Ahead:
    """The database `kept`, which is there or which `process` makes; None: nobody makes it."""

    kept: Path
    process: subprocess.Popen[bytes] | None = None

    def wait(self) -> None:
        """Until it is made, or can't be: whoever needs it looks for itself."""
        if self.process is not None:
            self.process.wait()


@contextmanager
def ahead(export: Path) -> Iterator[Ahead | None]:
    """Have it made meanwhile, where it is not there: checking every record takes a second, and loading what serves them another.
    None where the folder is no exported demonstration.
    """
    if not _is_demonstration(export):
        yield None
        return
    kept = path_of(export)
    if own(kept) or not _may_keep(kept):
        yield Ahead(kept)
        return
    command = [sys.executable, "-P", "-m", "harness.demo.kept_process", str(export.absolute()), str(kept.absolute())]
    nothing = subprocess.DEVNULL  # what it has to say is found out again
    with subprocess.Popen(command, stdin=nothing, stdout=nothing, stderr=nothing) as process:
        try:
            yield Ahead(kept, process)
        finally:
            process.terminate()


def _is_demonstration(export: Path) -> bool:
    with suppress(OSError, ValueError, RecursionError, BadInput):
        told = json.loads(read_limited(export / _MARK, _MARK_LIMIT, "the file"))
        return isinstance(told, dict) and told.get("origin") == ORIGIN and not (export / DATABASE).exists()
    return False


def path_of(export: Path) -> Path:
    """By the digest of this program and of every file of the export. Raises `BadInput` where it has too many."""
    found = sha256(program.digest().encode())
    for number, path in enumerate(sorted(export.rglob("*"))):
        if number > _MOST_FILES:
            raise BadInput("holds more files than a demonstration", where=str(export))
        if path.is_file() and not path.is_symlink():
            found.update(f"\n{path.relative_to(export).as_posix()} {hash_file(path)}".encode())
    return demonstrations_folder() / f"{found.hexdigest()}.sqlite"


def own(kept: Path) -> bool:
    """Whether it is there, and nobody else can have written it."""
    with suppress(OSError):
        return all(_safe(one) for one in (kept, kept.parent))
    return False


def _safe(path: Path) -> bool:
    found = path.lstat()
    return not path.is_symlink() and found.st_uid == os.getuid() and not found.st_mode & 0o022


def _may_keep(kept: Path) -> bool:
    """Whether what is made can be left there: else it would be made twice."""
    if os.path.lexists(kept.parent) and not _safe(kept.parent):
        return False
    with suppress(OSError):
        there = next(one for one in kept.parents if one.exists())
        return os.access(there, os.W_OK | os.X_OK)
    return False
