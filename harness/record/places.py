"""Where a user's own files lie."""

from __future__ import annotations

import os
from pathlib import Path


def keys_folder() -> Path:
    """`$XDG_CONFIG_HOME/repro-harness/keys`, or below `~/.config`."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    root = Path(home) if home and Path(home).is_absolute() else Path.home() / ".config"
    return root / "repro-harness" / "keys"
