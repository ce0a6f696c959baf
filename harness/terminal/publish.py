"""The commands that lead from a finished record to a published number, or to its picture."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path


def commands(folder: Path, *, keys: bool, signed: bool, target: str | None) -> list[str]:
    """In order, each as it is typed: keys where there are none, a signature where there is none, then the submission."""
    place = shlex.quote(str(folder))
    found = [] if keys or signed else ["repro keys new --handle NAME"]
    if not signed:
        found.append(f"repro sign {place}")
    return [*found, f"repro submit {place} --registry {shlex.quote(target) if target else 'PLACE'}"]


def picture(folders: Sequence[Path]) -> str:
    """The line that says where the picture of one record or several is; empty without any."""
    if not folders:
        return ""
    return f"Picture: repro report {' '.join(shlex.quote(str(folder)) for folder in folders)} --open"
