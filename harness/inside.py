"""Where a value becomes the name of a file: it stays below its folder, or is refused."""

from __future__ import annotations

import re
from pathlib import Path

from harness.errors import RecordInvalid

NAME_LIMIT = 120  # of one part: file systems take 255 bytes, and files being written get a longer name
PATH_LIMIT = 400
_PART = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]*", re.ASCII)
_DEVICES = re.compile(r"(?:con|prn|aux|nul|com[0-9]|lpt[0-9])(?:\..*)?", re.IGNORECASE)


def inside(folder: Path, name: str, where: str, fix: str = "run: repro audit") -> Path:
    """The place of `name` below `folder`: a relative path, its parts of ASCII letters, digits and `._-`. No file is opened.

    Raises `RecordInvalid` for any other: absolute, with `..`, with an empty or hidden part, a Windows device, too long.
    """
    if not proper(name):
        raise RecordInvalid(f"{name[:60]!a} can't name a file", where=where, fix=fix)
    return folder / name


def proper(name: str) -> bool:
    """Whether `name` may stand below a folder: see `inside`."""
    return len(name) <= PATH_LIMIT and all(map(_good, name.split("/")))


def _good(part: str) -> bool:
    plain = _PART.fullmatch(part) is not None and len(part) <= NAME_LIMIT
    return plain and not part.endswith(".") and _DEVICES.fullmatch(part) is None


def refuse_links(folder: Path, path: Path) -> None:
    """Raises `RecordInvalid` where `path`, or a folder between `folder` and it, is a link."""
    for place in (path, *path.parents):
        if place == folder:
            return
        if place.is_symlink():
            raise RecordInvalid("is a link", where=str(place), fix="remove it, or name a new folder")
