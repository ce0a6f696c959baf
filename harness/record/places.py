"""Where a user's own files lie."""

from __future__ import annotations

from pathlib import Path

from harness.home import below_home


def keys_folder() -> Path:
    """`$XDG_CONFIG_HOME/repro-harness/keys`, or below `~/.config`."""
    return below_home("XDG_CONFIG_HOME", ".config") / "repro-harness" / "keys"
