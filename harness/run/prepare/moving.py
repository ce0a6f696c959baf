"""Moves a virtual environment to its place: a rename, and its own path mended in what pip and venv wrote into `bin`."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

_SCRIPT_BYTES = 1 << 18  # what pip and venv write is smaller; a binary is left alone


def move(made: Path, place: Path) -> None:
    """Rename the folder `made` to `place`, which is replaced. Scripts name their interpreter by its whole path."""
    old, new = os.fsencode(made), os.fsencode(place)
    for path in [made / "pyvenv.cfg", *sorted((made / "bin").iterdir())]:
        if path.is_symlink() or not path.is_file() or path.stat().st_size > _SCRIPT_BYTES:
            continue
        content = path.read_bytes()
        if old in content and b"\0" not in content:
            path.write_bytes(content.replace(old, new))  # in place: it stays executable
    shutil.rmtree(place, ignore_errors=True)
    os.replace(made, place)
