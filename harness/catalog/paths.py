"""Where the catalogue and the cache lie."""

from __future__ import annotations

import os
from pathlib import Path

import harness


def cache() -> Path:
    """`$XDG_CACHE_HOME/repro-harness`, or `~/.cache/repro-harness`."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    root = Path(home) if home and Path(home).is_absolute() else Path.home() / ".cache"
    return root / "repro-harness"


def configs() -> Path:
    """`configs/` of the checkout, or its copy inside an installed package."""
    package = Path(harness.__file__).parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"
