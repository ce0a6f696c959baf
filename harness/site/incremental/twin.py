"""The second folder of a site that is read while it is built: what is new is laid into the one that nobody reads, then both
change places in one step.

A file that is the same in both is one file with two names. After the step the second folder follows, so that both hold the same
again; where that was cut off, it is made again.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
import sys
from pathlib import Path

from harness.site.folder import FILE
from harness.site.incremental.state import unfinished

_HERE = -100  # AT_FDCWD: paths are as the process sees them
_EXCHANGE = 2  # Linux's RENAME_EXCHANGE and macOS' RENAME_SWAP
_NOT_OFFERED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)
_NO_LINKS = (errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV)


def beside(out: Path) -> Path:
    """Where the second folder of that site is."""
    return out.with_name(f".{out.name}.twin")


def ready(out: Path) -> Path:
    """The second folder, which holds what `out` holds."""
    twin = beside(out)
    if not _same(out / FILE, twin / FILE):
        if os.path.lexists(twin):
            shutil.rmtree(twin)
        _linked(out, twin)
        _link(out / FILE, twin / FILE)  # last: it says that the rest is there
    return twin


def follow(twin: Path, out: Path, written: list[str], removed: list[str], gone: list[str]) -> None:
    """What was done to `out`, done to its second folder: files written and removed, and folders of rows that are gone."""
    unfinished(twin)
    for name in written:
        (twin / name).parent.mkdir(parents=True, exist_ok=True)
        _link(out / name, twin / name)
    for name in removed:
        (twin / name).unlink(missing_ok=True)
    for row in gone:
        shutil.rmtree(twin / row, ignore_errors=True)
    _link(out / FILE, twin / FILE)


def exchange(one: Path, other: Path) -> None:
    """Each gets the other's name: at once where the system can, else one after the other."""
    if _at_once(one, other):
        return
    aside = one.with_name(f"{one.name}.old")
    other.rename(aside)
    try:
        one.rename(other)
    except BaseException:  # Ctrl-C, too: one of the two must stand there
        if not other.exists():
            aside.rename(other)
        raise
    aside.rename(one)


def _at_once(one: Path, other: Path) -> bool:
    """Whether it was done. Raises `OSError` where it failed for another reason than that the system has no such thing."""
    library = ctypes.CDLL(None, use_errno=True)
    paths = os.fsencode(one), os.fsencode(other)
    if hasattr(library, "renameat2"):
        failed = library.renameat2(_HERE, paths[0], _HERE, paths[1], ctypes.c_uint(_EXCHANGE))
    elif sys.platform == "darwin":
        failed = library.renamex_np(*paths, ctypes.c_uint(_EXCHANGE))
    else:
        return False
    code = ctypes.get_errno()
    if failed and code not in _NOT_OFFERED:
        raise OSError(code, os.strerror(code), str(one))
    return not failed


def _same(one: Path, other: Path) -> bool:
    """Whether both are one file, or hold the same."""
    try:
        return one.samefile(other) or one.read_bytes() == other.read_bytes()
    except OSError:
        return False


def _linked(folder: Path, target: Path) -> None:
    """All of a site's folders and files but its state; nothing else is a site's."""
    target.mkdir()
    with os.scandir(folder) as found:
        for one in found:
            if one.is_dir(follow_symlinks=False):
                _linked(Path(one.path), target / one.name)
            elif one.is_file(follow_symlinks=False) and one.name != FILE:
                _link(Path(one.path), target / one.name, new=True)


def _link(path: Path, target: Path, *, new: bool = False) -> None:
    """The file under a second name; a copy where the file system has no such thing. Never half there."""
    made = target if new else target.with_name(f".{target.name}.new")
    if not new:
        made.unlink(missing_ok=True)
    try:
        os.link(path, made, follow_symlinks=False)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        shutil.copy2(path, made, follow_symlinks=False)
    if not new:
        os.replace(made, target)
