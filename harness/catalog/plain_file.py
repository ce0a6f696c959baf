"""What a path of a model leads to, known before anything is opened: a pipe would block, a device never ends."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from harness.errors import BadInput

MIB = 1 << 20
_KINDS = {
    stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}  # fmt: skip


def kind(path: Path) -> str:
    """What a path or its links lead to: "a file", "a folder", "a pipe", …. Raises `BadInput` where they lead nowhere."""
    found = _stat(path).st_mode
    return "a file" if stat.S_ISREG(found) else _KINDS.get(stat.S_IFMT(found), "something else")


def need_file(path: Path, limit_bytes: int | None = None) -> int:
    """The size of a regular file in bytes. Raises `BadInput` for anything else, and for one above the limit."""
    what = kind(path)
    if what != "a file":
        raise BadInput(f"must be a regular file, this is {what}", where=str(path), fix="name a file")
    size = _stat(path).st_size
    if limit_bytes is not None and size > limit_bytes:
        raise BadInput(
            f"is {-(-size // MIB)} MiB large and must be at most {limit_bytes // MIB} MiB",
            where=str(path),
            fix="fetch it again or take another file",
        )
    return size


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        again = "fetch the model again, or name what it should lead to"
        if error.errno == errno.ELOOP:
            raise BadInput("is a link that leads to itself", where=str(path), fix=again) from error
        if isinstance(error, FileNotFoundError | NotADirectoryError):
            if path.is_symlink():
                target = path.readlink()
                raise BadInput(f"is a link to {target}, which is not there", where=str(path), fix=again) from error
            raise BadInput("there is no such file", where=str(path), fix="check the path") from error
        raise BadInput(f"can't be read ({error.strerror})", where=str(path), fix="check its permissions") from error
    except ValueError as error:  # a null byte
        raise BadInput(f"must be a path ({error})", where=str(path), fix="check it") from error
