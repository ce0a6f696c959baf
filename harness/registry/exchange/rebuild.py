"""A registry built again elsewhere from its log and records alone."""

from __future__ import annotations

import tempfile
from pathlib import Path

from harness.registry.exchange import files
from harness.registry.exchange.files import Tell
from harness.registry.store import Registry


def rebuild(registry: Registry, place: str, tell: Tell) -> Registry:
    """At `place`, whole or not at all; `tell` hears of each entry. Raises `BadInput`, `RecordInvalid`."""
    with tempfile.TemporaryDirectory() as folder:
        exported = Path(folder) / "registry"
        files.export(registry, exported, lambda _done, _of: None)
        return files.into(exported, place, tell)
