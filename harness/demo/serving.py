"""A demonstration that is served: a copy that can be written to, and is gone when it ends."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from harness.demo.registry import key
from harness.errors import BadInput
from harness.progress import Progress
from harness.registry.exchange import files
from harness.registry.queries.told import about
from harness.registry.store import Registry


@contextmanager
def copied(place: str, progress: Progress) -> Iterator[tuple[Registry, Ed25519PrivateKey]]:
    """The exported demonstration in a database of its own, and the registry's key, which anybody can make.

    Raises `BadInput` for the export of any other registry: its key is kept elsewhere.
    """
    folder = Path(tempfile.mkdtemp(prefix="repro-serve-"))
    try:
        registry = files.into(Path(place), str(folder / "registry"), progress)
        own = key("registry")
        with registry.reading() as reader:
            told = about(reader)
        if not told["demonstration"] or told["key"] != own.public_key().public_bytes_raw().hex():
            raise BadInput(
                "contains exported files, which are read-only; only a demonstration is served as a copy",
                where=place,
                fix=f"repro registry import {place} --registry FOLDER, where the registry's key is kept",
            )
        yield registry, own
    finally:
        shutil.rmtree(folder, ignore_errors=True)
