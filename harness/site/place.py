"""A finished site into its folder: a new one as a whole, one that goes on file by file, each whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from harness.site import addresses
from harness.site.state import FILE, State

# Made anew by every build, so that one of an earlier build which is not there any more is gone.
_SERIES = ("operators/page-*.html", "regressions/page-*.html", "log/tile/**/*.p/*")


def swap(scratch: Path, out: Path) -> None:
    """The new folder in the old one's place."""
    scratch.chmod(0o755)
    if not out.exists():
        scratch.rename(out)
        return
    aside = scratch.with_name(f"{scratch.name}.old")
    out.rename(aside)
    try:
        scratch.rename(out)
    except BaseException:  # Ctrl-C, too: one of the two must stand there
        if not out.exists():
            aside.rename(out)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def lay_over(scratch: Path, out: Path, kept: State, new: State) -> tuple[int, int]:
    """What is new over what is there, then away with what is gone, the state last: after one that is cut off the next is whole.

    Returns how many files were written and how many removed.
    """
    gone = _gone(scratch, out, kept, new)
    kept.unfinished(out)
    written = 0
    for path in sorted(scratch.rglob("*")):
        if path.is_file() and path.name != FILE:
            written += _replaced(path, out / path.relative_to(scratch))
    removed = sum(_removed(out / path) for path in gone)
    for row in kept.rows.keys() - new.rows.keys():
        shutil.rmtree(out / "rows" / row[:16], ignore_errors=True)
    os.replace(scratch / FILE, out / FILE)
    return written, removed


def _gone(scratch: Path, out: Path, kept: State, new: State) -> list[str]:
    """Files of the last build that this one would not make."""
    before, after = (
        state.made.keys()
        | {f"records/{record}.{ending}" for _, records, _ in state.rows.values() for record in records
           for ending in ("json", "parquet")}
        | {f"api/v1/rows/{row}.json" for row in state.rows}
        | {addresses.operator(handle) for handle in state.handles}
        for state in (kept, new)
    )  # fmt: skip
    series = (path.relative_to(out) for pattern in _SERIES for path in out.glob(pattern) if path.is_file())
    return sorted((before - after) | {path.as_posix() for path in series if not (scratch / path).exists()})


def _replaced(path: Path, target: Path) -> bool:
    """Whether anything changed."""
    try:
        if target.read_bytes() == path.read_bytes():
            return False
    except FileNotFoundError:
        target.parent.mkdir(parents=True, exist_ok=True)
    os.replace(path, target)
    return True


def _removed(path: Path) -> bool:
    if not path.exists():
        return False
    path.unlink()
    return True
