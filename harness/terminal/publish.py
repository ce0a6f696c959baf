"""The commands that lead from a finished record to a published number."""

from __future__ import annotations

import shlex
from pathlib import Path


def commands(folder: Path, *, keys: bool, signed: bool, target: str | None) -> list[str]:
    """In order, each as it is typed: keys where there are none, a signature where there is none, then the submission."""
    place = shlex.quote(str(folder))
    found = [] if keys or signed else ["repro keys new --handle NAME"]
    if not signed:
        found.append(f"repro sign {place}")
    return [*found, f"repro submit {place} --registry {shlex.quote(target) if target else 'PLACE'}"]
