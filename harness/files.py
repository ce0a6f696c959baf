"""Files that are whole or not there, read only as far as a limit, and locks that end with their holder."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from harness.errors import BadInput, NotEnoughSpace, ReproError

_CHUNK = 1 << 20


def read_limited(path: Path, limit: int, what: str) -> bytes:
    """The bytes of a regular file of at most `limit` bytes; `what` names it in the error, such as "the record".

    Kind and size are known before anything is read, and nothing is opened that could block: a pipe, a device, a socket and a
    folder are refused. Raises `BadInput`, also where there is no file.
    """
    found = read_if_there(path, limit, what)
    if found is None:
        raise BadInput(f"{what} can't be read (there is no such file)", where=str(path), fix="check the path")
    return found


def read_if_there(path: Path, limit: int, what: str) -> bytes | None:
    """As `read_limited`; None where there is no file."""
    try:
        _need_regular(path.stat(), path, limit, what)
        # The file may have been replaced since: without O_NONBLOCK a pipe would wait for a writer.
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC), "rb") as file:
            _need_regular(os.fstat(file.fileno()), path, limit, what)
            found = bytearray()
            # Past the limit by one byte: a file may grow, and those of /proc say that they are empty.
            while len(found) <= limit and (part := file.read(min(_CHUNK, limit + 1 - len(found)))):
                found += part
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise BadInput(f"{what} can't be read ({error.strerror})", where=str(path)) from error
    except ValueError as error:  # a name with a null byte
        raise BadInput(f"{what} can't be read ({error})", where=str(path)) from error
    if len(found) > limit:
        raise _too_large(path, limit, what)
    return bytes(found)


def read_text_limited(path: Path, limit: int, what: str) -> str:
    """As `read_limited`, decoded. Raises `BadInput`, also where it is not UTF-8."""
    try:
        return read_limited(path, limit, what).decode()
    except UnicodeDecodeError as error:
        raise BadInput(f"{what} must be text in UTF-8", where=str(path)) from error


_KINDS = {
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


def _need_regular(found: os.stat_result, path: Path, limit: int, what: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        kind = _KINDS.get(stat.S_IFMT(found.st_mode), "something else")
        raise BadInput(f"{what} must be a regular file, this is {kind}", where=str(path), fix="name a file")
    if found.st_size > limit:
        raise _too_large(path, limit, what)


def _too_large(path: Path, limit: int, what: str) -> BadInput:
    return BadInput(f"{what} is larger than {limit} bytes", where=str(path), fix="name a smaller file")


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
