"""The folder of a site, and what is asked of it: known before anything that builds one is loaded."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from pathlib import Path

from harness.errors import BadInput
from harness.files import refusal

FILE = ".site.json"  # in each site's folder: what was built


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for."""

    target: str
    out: Path
    as_of: date
    policy: str | None = None
    base_url: str | None = None
    png: bool = False
    at_once: bool = False  # readers see all of the old site, then all of the new one: a second folder is kept beside it


def usable(out: Path) -> None:
    """Make the folder of a site, where there is none. Raises `BadInput` where it can't be made, or holds something else."""
    try:
        out.mkdir(parents=True, exist_ok=True)
        ours_or_empty(out)
    except OSError as error:
        raise refusal(error, out) from error


def ours_or_empty(out: Path) -> None:
    """Raises `BadInput` for a folder that holds something else than a site."""
    mark = out / FILE
    ours = mark.is_file() and not mark.is_symlink()  # what is written into a link is somebody else's
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not ours)):
        raise BadInput(
            "holds files that repro site build did not write", where=str(out), fix="name a new or empty folder"
        )
