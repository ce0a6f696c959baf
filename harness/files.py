"""Files that are whole or not there, read only as far as a limit; locks that end with their holder, on any file system."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import stat
import struct
import tempfile
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from harness.errors import BadInput, Conflict, DiskFull, ReproError

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


# What file systems answer that have no fsync (FUSE, SMB, 9p), and for folders, which some don't even let one open.
_NO_SYNC = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})
_NO_FOLDER_SYNC = _NO_SYNC | {errno.EBADF, errno.EISDIR, errno.EACCES, errno.EPERM, errno.EROFS}

_HELD = frozenset({errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES})
# Lustre without `-o flock` has no such call, FUSE and SMB may not offer it, NFS may have no lock daemon (ENOLCK).
_NOT_OFFERED = frozenset({errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOLCK, errno.EINVAL})
_RETRIES = 100


def write_bytes(path: Path, data: bytes) -> None:
    """Temp file, fsync, rename, fsync of the folder. Raises `BadInput` or `DiskFull`; leaves nothing half written."""
    try:
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise refusal(error, path) from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            sync_descriptor(file.fileno())
        let_all_read(Path(name))
        os.replace(name, path)
        sync(path.parent)
    except OSError as error:
        raise refusal(error, path) from error
    finally:
        with contextlib.suppress(OSError):  # what is left over must not hide what went wrong
            os.unlink(name)  # noqa: PTH108


def appendable(path: Path) -> None:
    """Find out before an hour of measuring whether text could be added to this file. Raises `BadInput`."""
    if path.exists() and not path.is_file():  # a pipe would wait for a reader
        raise BadInput("must be a regular file", where=str(path), fix="name a file, or one to be made")
    append_text(path, "")


def append_text(path: Path, text: str) -> None:
    """Add to a file that others write, too: what is there stays. Raises `BadInput`."""
    try:
        with path.open("a", encoding="utf-8") as page:
            page.write(text)
    except OSError as error:
        raise refusal(error, path) from error


def let_all_read(path: Path) -> None:
    """A result is for reading; a file system with modes of its own (FAT, SMB) may refuse to change them."""
    try:
        os.chmod(path, 0o755 if path.is_dir() else 0o644)  # noqa: PTH101
    except OSError as error:
        if error.errno not in (errno.EPERM, *_NO_SYNC):
            raise


def write_text(path: Path, text: str) -> None:
    """As `write_bytes`, in UTF-8."""
    write_bytes(path, text.encode())


def sync(path: Path) -> None:
    """Make a file's content, or a rename in a folder, durable, as far as the file system can."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except OSError as error:
        if path.is_dir() and error.errno in _NO_FOLDER_SYNC:
            return
        raise
    try:
        sync_descriptor(descriptor)
    finally:
        os.close(descriptor)


def sync_descriptor(descriptor: int) -> None:
    """`os.fsync`. A file system that has no such thing is no error; a disk that failed to do it is."""
    folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (_NO_FOLDER_SYNC if folder else _NO_SYNC):
            raise


def refusal(error: OSError, path: Path) -> ReproError:
    """The one clear line for a failed write."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return DiskFull("no space left on the disk", where=str(path), fix="free some, or name another folder")
    reason = error.strerror or type(error).__name__
    return BadInput(f"can't be written ({reason})", where=str(path), fix="name a folder that you can write to")


def need_room(folder: Path, needed_bytes: int, fix: str = "free some, or set XDG_CACHE_HOME to a larger disk") -> None:
    """Raises `DiskFull` when the disk of `folder` has less free than that."""
    there = next((one for one in (folder, *folder.parents) if one.exists()), folder)
    free = shutil.disk_usage(there).free
    if free < needed_bytes:
        raise DiskFull(
            f"{needed_bytes >> 20} MiB are needed and {free >> 20} MiB are free",
            where=str(folder),
            fix=fix,
        )


@contextlib.contextmanager
def locked(path: Path, busy: str) -> Iterator[bool]:
    """Hold a lock on `path`; the kernel frees it with the process. Raises `Conflict` with `busy` when it is held.

    Where the file system offers no locks, a file of this machine stands for it. Gives whether there is a lock: False where the
    system has none at all, and nothing keeps others out. Raises `BadInput`, too, where the file can't be made, or the lock
    fails for another reason.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        raise refusal(error, path) from error
    with file, contextlib.ExitStack() as more:
        held = _take(file.fileno(), path, busy)
        if not held:
            here = _of_this_machine(path)
            if here is not None:
                more.callback(os.close, here)
                held = _take(here, path, busy)
        yield held


def _take(descriptor: int, path: Path, busy: str) -> bool:
    """Whether a lock of either kind was got; False where neither is offered."""
    for take in (_flock, _record_lock):
        for _ in range(_RETRIES):
            try:
                take(descriptor)
            except OSError as error:
                if error.errno == errno.EINTR:
                    continue
                if error.errno in _HELD:
                    raise Conflict(busy, where=str(path), fix="wait for it to end") from error
                if error.errno in _NOT_OFFERED:
                    break
                reason = error.strerror or type(error).__name__
                fix = "take a folder on a local disk (XDG_CACHE_HOME for the cache)"
                raise BadInput(f"can't be locked ({reason})", where=str(path), fix=fix) from error
            return True
    return False


def _flock(descriptor: int) -> None:
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _record_lock(descriptor: int) -> None:
    """POSIX's kind; on Linux bound to the open file as flock's is, so that it holds within a process, too."""
    command = getattr(fcntl, "F_OFD_SETLK", None)
    if command is None:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    else:
        fcntl.fcntl(descriptor, command, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))


def _of_this_machine(path: Path) -> int | None:
    """A file in the system's temporary folder that stands for `path` and this user; None where it can't be had."""
    name = f"repro-harness-{os.getuid()}-{sha256(os.fsencode(path.resolve())).hexdigest()[:16]}.lock"
    try:
        return os.open(Path(tempfile.gettempdir(), name), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:
        return None
