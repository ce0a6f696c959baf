"""Two real engines on one machine, each as if alone on half of it: a core of its own, and what one command at a time may do.

The threads of an engine wait for each other by spinning: two engines that share cores take many times as long. On a core of its own
each takes one thread, by its own reading of what it may use.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from harness import paths

# What was installed, fetched or converted is shared; the lock of who measures, and small things that are made anew, are not.
SHARED = ("runtimes", "models", "peers", "prepared")


def begin(worker: str, folder: Path) -> None:
    """This process of tests, by pytest-xdist's name of it, and whatever it starts; `folder` is for its cache."""
    (number,) = re.findall(r"\d+", worker)
    if hasattr(os, "sched_getaffinity"):
        cores = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {cores[int(number) % len(cores)]})
    users, own = paths.cache(), folder / paths.NAME
    own.mkdir(parents=True)
    for name in SHARED:
        (users / name).mkdir(parents=True, exist_ok=True)
        (own / name).symlink_to(users / name)
    os.environ["XDG_CACHE_HOME"] = str(folder)
