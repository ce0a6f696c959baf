"""Opening a registry as every reader does: a database or exported files, and never one that forgot history."""

from __future__ import annotations

from pathlib import Path

from harness.progress import SILENT, Progress
from harness.registry.exchange import last_seen
from harness.registry.opening import open_readable
from harness.registry.remote.address import is_url
from harness.registry.store import Registry


def open_registry(place: str | Path, progress: Progress = SILENT) -> Registry:
    """The registry at `place`, for reading: a folder, a folder of exported files, a postgresql:// URL, or the https:// URL of its
    service, of which a copy is kept in the cache (docs/decisions/0077).

    The log is compared with what this user last saw of it (docs/decisions/0026), and remembered. Raises `BadInput` where there is
    no registry, or it is unusable; `LogInconsistent` where its log was cut or shows another history.
    """
    if is_url(str(place)):
        from harness.registry.remote.mirror import mirrored  # only who asks over HTTP needs a client

        return mirrored(str(place), progress)
    registry = open_readable(str(place), progress)
    last_seen.look(registry, last_seen.folder())
    return registry
