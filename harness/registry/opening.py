"""Where a registry is opened: a database, or a folder of exported files read into memory.

What was seen of it before is not asked here: readers open with `harness.registry.reading`.
"""

from __future__ import annotations

from pathlib import Path

from harness.errors import BadInput, NotFound
from harness.progress import SILENT, Progress
from harness.registry.db import databases
from harness.registry.db.databases import is_export as is_export
from harness.registry.db.databases import upgrade_at as upgrade_at
from harness.registry.db.databases import vacant as vacant
from harness.registry.store import Registry

_EARLIER = ("hub.json", "hub.sqlite")  # what version 0.1 called its files


def open_database(target: str) -> Registry:
    """The registry in a folder or database. Raises `NotFound` where there is none; `BadInput` where it cannot be used."""
    url = databases.url_of(target)
    if url.startswith("sqlite:///") and not Path(url.removeprefix("sqlite:///")).is_file():
        if any((Path(target) / name).is_file() for name in _EARLIER):
            # Signed words can't be changed afterwards: such a log is read by the version that wrote it.
            raise BadInput(
                "was made by version 0.1, whose log has other words",
                where=target,
                fix="make a new one: repro registry new; a demonstration: make registry-demo",
            )
        raise NotFound(
            "there is no registry",
            where=target,
            fix="make one: repro registry new, or repro registry import; a service's address begins with https://",
        )
    engine = databases.connect(url)
    databases.current(engine)
    return Registry(engine, target)


def open_readable(target: str, progress: Progress = SILENT) -> Registry:
    """As `open_database`; a folder of exported files, too, read into memory."""
    if is_export(target):
        from harness.registry.exchange import files, public  # only who reads files needs the schema

        folder = Path(target)
        read = public.in_memory if public.is_public(folder) else files.in_memory
        return read(folder, progress)
    return open_database(target)
