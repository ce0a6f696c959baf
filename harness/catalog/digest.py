"""sha256 of files, streamed; kept by (device, inode, times, size) so that a model is hashed once, not at every run."""

from __future__ import annotations

import contextlib
import json
import time
from hashlib import sha256
from pathlib import Path

from harness.errors import BadInput
from harness.files import read_limited, write_text
from harness.progress import SILENT, Progress

BLOCK = 4 << 20
_CACHE_LIMIT = 64 << 20
TICK_NS = 20_000_000  # twice the coarsest tick of a kernel's clock
COARSE_NS = 2_000_000_000  # where a file system keeps whole seconds, or every second one
READS = 2  # of a file that changes while it is read
FIELDS = 5  # of a state


def hash_file(path: Path, progress: Progress = SILENT) -> str:
    """The digest, read anew. Raises `BadInput` when the file can't be read."""
    total = sha256()
    try:
        size, done = path.stat().st_size, 0
        with path.open("rb", buffering=0) as file:
            while block := file.read(BLOCK):
                total.update(block)
                done += len(block)
                progress.advance("checking the digest", done, size)
    except OSError as error:
        raise BadInput(f"can't be read ({error.strerror})", where=str(path), fix="check the path") from error
    return total.hexdigest()


def cached(path: Path, cache: Path, progress: Progress = SILENT) -> str:
    """The digest from the cache when the file is the same inode with the same times and size, else read anew.

    The inode's own time (ctime) tells of a change whose mtime was put back. A file that was written just now is left to lie for
    a tick of its file system's clock first: a later change could otherwise bear the same times.
    """
    store = cache / "digests.json"
    key = state(path)
    known = _load(store).get(key)
    if known is not None:
        return known
    for _ in range(READS):
        time.sleep(_young_for(path) / 1e9)
        value = hash_file(path, progress)
        before, key = key, state(path)
        if before == key:
            with contextlib.suppress(OSError, BadInput):  # else it is read anew the next time
                cache.mkdir(parents=True, exist_ok=True)
                write_text(store, json.dumps(_of_this_form(_load(store)) | {key: value}, indent=0))
            return value
    raise BadInput("it changes while it is read", where=str(path), fix="wait until it is whole, or stop what writes it")


def state(path: Path) -> str:
    """What tells one content of the file from another, without reading it. Raises `BadInput` when it can't be looked at."""
    try:
        facts = path.stat()
    except OSError as error:
        raise BadInput(f"can't be read ({error.strerror})", where=str(path), fix="check the path") from error
    return f"{facts.st_dev}:{facts.st_ino}:{facts.st_mtime_ns}:{facts.st_ctime_ns}:{facts.st_size}"


def _young_for(path: Path) -> int:
    """Nanoseconds until a change of the file must bear another time than it has."""
    facts = path.stat()
    newest = max(facts.st_mtime_ns, facts.st_ctime_ns)
    tick = COARSE_NS if facts.st_ctime_ns % 1_000_000_000 == 0 else TICK_NS
    return max(min(newest + tick - time.time_ns(), tick), 0)


def _of_this_form(known: dict[str, str]) -> dict[str, str]:
    """Without what earlier versions kept, which knew no ctime."""
    return {key: value for key, value in known.items() if key.count(":") == FIELDS - 1}


def _load(store: Path) -> dict[str, str]:
    try:
        data = json.loads(read_limited(store, _CACHE_LIMIT, "the cache of digests"))
    except (BadInput, ValueError, RecursionError):
        return {}
    ok = isinstance(data, dict) and all(isinstance(v, str) and len(v) == 64 for v in data.values())
    return data if ok else {}
