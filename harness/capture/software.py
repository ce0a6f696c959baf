"""The core's own software: versions of what aggregates and writes, and the state of our own code."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import harness
from harness.capture.facts import Fact, known, unknown

PACKAGES = ("numpy", "psutil", "pyarrow", "pydantic", "rfc8785", "nvidia-ml-py")


@dataclass(frozen=True, slots=True)
class Software:
    """Versions; the commit is that of the checkout that this code sits in, if it does."""

    packages: dict[str, str]
    commit: Fact[str]
    dirty: Fact[bool]


def read_software() -> Software:
    """What runs here."""
    packages = {}
    for name in PACKAGES:
        try:
            packages[name] = version(name)
        except PackageNotFoundError:
            packages[name] = "not installed"
    folder = Path(harness.__file__).parent.parent
    if not (folder / ".git").exists():
        nothing = unknown("not run from a git checkout")
        return Software(packages, nothing, nothing)
    head, state = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain", "--untracked-files=no")
    return Software(
        packages=packages,
        commit=unknown("git gives no commit") if head is None else known(head.strip()),
        dirty=unknown("git gives no status") if state is None else known(bool(state.strip())),
    )


def _git(folder: Path, *arguments: str) -> str | None:
    # In a hook git sets GIT_DIR, which -C does not override: the answer would be about another repository.
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        done = subprocess.run(
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - the user's own git
            capture_output=True, text=True, timeout=10, check=False, env=env,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout if done.returncode == 0 else None
