"""Which records this reader has verified before: digests of all that was verified, in a file of the reader's own."""

from __future__ import annotations

import os
from collections.abc import Set as AbstractSet
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from harness.errors import ReproError
from harness.files import read_if_there, write_bytes
from harness.paths import verified_folder

_LIMIT = 256 << 20  # some 4 million records
_FOREIGN = 0o022  # bits of a mode that let others write


def path_of(origin: str) -> Path:
    """One file a registry, in the cache: whoever loses it verifies everything again."""
    return verified_folder() / f"{sha256(origin.encode()).hexdigest()[:16]}.txt"


def read(origin: str) -> set[str]:
    """What was verified; nothing where the file is another user's, others may write it, or its own digest is not its text's."""
    path = path_of(origin)
    try:
        for place in (path, path.parent):
            found = place.stat()
            if found.st_mode & _FOREIGN or (hasattr(os, "geteuid") and found.st_uid != os.geteuid()):
                return set()
        data = read_if_there(path, _LIMIT, "the memory of verified records") or b""
        digest, _, text = data.partition(b"\n")
        return set(text.decode("ascii").split()) if sha256(text).hexdigest().encode() == digest else set()
    except (OSError, ReproError, ValueError):
        return set()


def write(origin: str, keys: AbstractSet[str]) -> None:
    """Keep them. Who has no place to write verifies again the next time."""
    text = "\n".join(sorted(keys)).encode()
    path = path_of(origin)
    with suppress(OSError, ReproError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o755)
        path.parent.chmod(0o755)
        write_bytes(path, sha256(text).hexdigest().encode() + b"\n" + text)
