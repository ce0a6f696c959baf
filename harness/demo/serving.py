"""A demonstration that is served: a copy that can be written to, and is gone when it ends."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.demo.kept import DATABASE, Ahead, path_of
from harness.demo.kept import own as is_own
from harness.demo.registry import key
from harness.errors import BadInput
from harness.progress import Progress
from harness.registry.exchange import files
from harness.registry.opening import open_database
from harness.registry.queries.told import about
from harness.registry.store import Registry


@contextmanager
def copied(place: str, progress: Progress, ahead: Ahead | None = None) -> Iterator[tuple[Registry, Ed25519PrivateKey]]:
    """The exported demonstration in a database of its own, and the registry's key, which anybody can make. `ahead`: of it.

    Raises `BadInput` for the export of any other registry: its key is kept elsewhere.
    """
    folder = Path(tempfile.mkdtemp(prefix="repro-serve-"))
    try:
        kept, target = path_of(Path(place)) if ahead is None else ahead.kept, folder / "registry"
        if ahead is not None:
            ahead.wait()
        registry = _again(kept, target) or files.into(Path(place), str(target), progress)
        own = key("registry")
        with registry.reading() as reader:
            told = about(reader)
        if not told["demonstration"] or told["key"] != own.public_key().public_bytes_raw().hex():
            raise BadInput(
                "contains exported files, which are read-only; only a demonstration is served as a copy",
                where=place,
                fix=f"repro registry import {place} --registry FOLDER, where the registry's key is kept",
            )
        if not is_own(kept):
            with suppress(OSError):  # a home that can't be written keeps nothing
                _keep(target / DATABASE, kept)
        yield registry, own
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _again(kept: Path, target: Path) -> Registry | None:
    """The database that was made of these very files before: making it checks every record, which takes a second."""
    if not is_own(kept):
        return None
    with suppress(OSError):
        target.mkdir()
        shutil.copyfile(kept, target / DATABASE)
        return open_database(str(target))
    shutil.rmtree(target, ignore_errors=True)
    return None


def _keep(database: Path, kept: Path) -> None:
    """The newest one alone, whole or not at all."""
    kept.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = kept.with_name(f".{kept.name}.{os.getpid()}")
    try:
        shutil.copyfile(database, made)
        for older in kept.parent.glob("*.sqlite"):
            older.unlink(missing_ok=True)
        os.replace(made, kept)
    finally:
        made.unlink(missing_ok=True)
