"""Every folder that is not named on the command line: the user's cache and configuration, and our own `configs/`."""

from __future__ import annotations

import os
from pathlib import Path

NAME = "repro-harness"
# Debian's name for the home of those who have none: nothing is found there, and nothing can be made there.
NOWHERE = Path("/nonexistent")


def cache() -> Path:
    """`$XDG_CACHE_HOME/repro-harness`, or `~/.cache/repro-harness`: what can be made again."""
    return below_home("XDG_CACHE_HOME", ".cache") / NAME


def config() -> Path:
    """`$XDG_CONFIG_HOME/repro-harness`, or `~/.config/repro-harness`: what nothing can restore."""
    return below_home("XDG_CONFIG_HOME", ".config") / NAME


def keys_folder() -> Path:
    """The user's keys, and the count of the machine's signed runs."""
    return config() / "keys"


def seen_folder() -> Path:
    """What this user last saw of each registry."""
    return config() / "seen"


def witness_folder() -> Path:
    """The key of this user's witness, and what it has signed."""
    return config() / "witness"


def verified_folder() -> Path:
    """Which records of each registry this user has verified."""
    return cache() / "verified"


def demonstrations_folder() -> Path:
    """Databases that were made of exported demonstrations."""
    return cache() / "demonstrations"


def mirrors_folder() -> Path:
    """Copies of what is public of registries that are asked over HTTP."""
    return cache() / "mirrors"


def configs() -> Path:
    """Suites, models, policies and devices: `configs/` of the checkout, or its copy inside an installed package."""
    package = Path(__file__).parent
    inside = package / "configs"
    return inside if inside.is_dir() else package.parent / "configs"


def below_home(variable: str, folder: str) -> Path:
    """`$variable`, an absolute path, or `folder` of the home: a container's user may have neither variable nor home.

    Reading commands must work for such a user; what wants to write says that it can't.
    """
    named = os.environ.get(variable, "")
    if named and Path(named).is_absolute():
        return Path(named)
    try:
        return Path.home() / folder
    except RuntimeError:  # neither HOME nor an entry in the list of users
        return NOWHERE / folder
