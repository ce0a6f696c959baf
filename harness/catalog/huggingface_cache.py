"""Names of what lies in the cache of Hugging Face's library: `models--owner--name/snapshots/<commit>/…`, links to `blobs/`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_FOLDER = re.compile(r"models--([A-Za-z0-9._-]+?)--([A-Za-z0-9._-]+)")
COMMIT = re.compile(r"[0-9a-f]{40}")


def folder_name(repo: str) -> str:
    """The name of a repository's folder in the cache."""
    return f"models--{repo.replace('/', '--')}"


@dataclass(frozen=True, slots=True)
class Place:
    """A snapshot, or a file in one: `file` is its path inside, "" for the snapshot itself."""

    repo: str  # owner/name
    commit: str
    file: str

    def __str__(self) -> str:
        return f"hf:{self.repo}@{self.commit}" + (f"/{self.file}" if self.file else "")


def place(path: Path) -> Place | None:
    """Where in the cache a path lies, by the names of its folders alone; None for any other path."""
    parts = path.parts
    for index in range(len(parts) - 3, -1, -1):
        folder = _FOLDER.fullmatch(parts[index])
        if folder and parts[index + 1] == "snapshots" and COMMIT.fullmatch(parts[index + 2]):
            return Place(f"{folder[1]}/{folder[2]}", parts[index + 2], "/".join(parts[index + 3 :]))
    return None


def newest_snapshot(path: Path) -> Path | None:
    """The snapshot that was made last where `path` is a repository's folder of the cache; None for any other path."""
    if not _FOLDER.fullmatch(path.name):
        return None
    try:
        found = [one for one in (path / "snapshots").iterdir() if COMMIT.fullmatch(one.name) and one.is_dir()]
        return max(found, key=lambda one: one.stat().st_mtime_ns, default=None)
    except OSError:
        return None
