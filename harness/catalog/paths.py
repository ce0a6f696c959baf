"""Where the catalogue and the cache lie."""

from __future__ import annotations

from pathlib import Path

import harness
from harness.home import below_home


def cache() -> Path:
    """`$XDG_CACHE_HOME/repro-harness`, or `~/.cache/repro-harness`."""
    return below_home("XDG_CACHE_HOME", ".cache") / "repro-harness"


def configs() -> Path:
    """`configs/` of the checkout, or its copy inside an installed package."""
    package = Path(harness.__file__).parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"
