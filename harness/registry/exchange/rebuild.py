"""A registry built again elsewhere from its log and records alone."""

from __future__ import annotations

import tempfile
from pathlib import Path

from harness.progress import SILENT, Progress
from harness.registry.exchange import files
from harness.registry.store import Registry


def rebuild(registry: Registry, place: str, progress: Progress) -> Registry:
    """At `place`, whole or not at all; `progress` is told of each entry. Raises `BadInput`, `RecordInvalid`."""
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / "registry"
        files.export(registry, exported, SILENT)
        return files.into(exported, place, progress)
