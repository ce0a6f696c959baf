"""The user's home, where there is one."""

from __future__ import annotations

import os
from pathlib import Path

# Debian's name for the home of those who have none: nothing is found there, and nothing can be made there.
NOWHERE = Path("/nonexistent")


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
