"""Files that are whole or not there, and locks that end with their holder."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness.errors import BadInput, NotEnoughSpace, ReproError


def write_bytes(path: Path, data: bytes) -> None:
    """Temp file, fsync, rename, fsync of the folder. Raises `BadInput` or `NotEnoughSpace`; leaves nothing half written."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise refusal(error, path) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)  # noqa: PTH101 - a result is for reading
        os.replace(name, path)
        sync(path.parent)
    except OSError as error:
        raise refusal(error, path) from error
    finally:
        with contextlib.suppress(OSError):  # what is left over must not hide what went wrong
            os.unlink(name)  # noqa: PTH108


def write_text(path: Path, text: str) -> None:
    """As `write_bytes`, in UTF-8."""
    write_bytes(path, text.encode())


def sync(path: Path) -> None:
    """Make a file's content, or a rename in a folder, durable."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def refusal(error: OSError, path: Path) -> ReproError:
    """The one clear line for a failed write."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NotEnoughSpace("no space left on the disk", where=str(path), fix="free some, or name another folder")
    reason = error.strerror or type(error).__name__
    return BadInput(f"can't be written ({reason})", where=str(path), fix="name a folder that you can write to")


def need_room(folder: Path, needed_bytes: int) -> None:
    """Raises `NotEnoughSpace` when the disk of `folder` has less free than that."""
    free = shutil.disk_usage(folder).free
    if free < needed_bytes:
        raise NotEnoughSpace(
            f"{needed_bytes >> 20} MiB are needed and {free >> 20} MiB are free",
            where=str(folder),
            fix="free some, or set XDG_CACHE_HOME to a larger disk",
        )


@contextlib.contextmanager
def locked(path: Path, busy: str) -> Iterator[None]:
    """Hold a lock on `path`; the kernel frees it with the process. Raises `BadInput` with `busy` when it is held."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise BadInput(busy, where=str(path), fix="wait for it to end") from error
        yield
