"""sha256 of files, streamed; kept by (device, inode, time, size) so that a model is hashed once, not at every run."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from harness.errors import BadInput
from harness.files import read_limited, write_text

BLOCK = 4 << 20
_CACHE_LIMIT = 64 << 20
Progress = Callable[[int, int], None]  # bytes done, bytes in all


def hash_file(path: Path, progress: Progress | None = None) -> str:
    """The digest, read anew. Raises `BadInput` when the file can't be read."""
    total = sha256()
    try:
        size, done = path.stat().st_size, 0
        with path.open("rb", buffering=0) as file:
            while block := file.read(BLOCK):
                total.update(block)
                done += len(block)
                if progress is not None:
                    progress(done, size)
    except OSError as error:
        raise BadInput(f"can't be read ({error.strerror})", where=str(path), fix="check the path") from error
    return total.hexdigest()


def cached(path: Path, cache: Path, progress: Progress | None = None) -> str:
    """The digest from the cache when the file is the same inode with the same time and size, else read anew."""
    store = cache / "digests.json"
    known = _load(store)
    try:
        facts = path.stat()
    except OSError as error:
        raise BadInput(f"can't be read ({error.strerror})", where=str(path), fix="check the path") from error
    key = f"{facts.st_dev}:{facts.st_ino}:{facts.st_mtime_ns}:{facts.st_size}"
    if key not in known:
        value = hash_file(path, progress)
        known = {**_load(store), key: value}
        with contextlib.suppress(OSError, BadInput):  # then it is read anew the next time
            cache.mkdir(parents=True, exist_ok=True)
            write_text(store, json.dumps(known, indent=0))
    return known[key]


def _load(store: Path) -> dict[str, str]:
    try:
        data = json.loads(read_limited(store, _CACHE_LIMIT, "the cache of digests"))
    except (BadInput, ValueError, RecursionError):
        return {}
    ok = isinstance(data, dict) and all(isinstance(v, str) and len(v) == 64 for v in data.values())
    return data if ok else {}
