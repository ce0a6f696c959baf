"""What this user last saw of each registry: a registry that shows another past is refused."""

from __future__ import annotations

import errno
import json
import os
from hashlib import sha256
from pathlib import Path

from harness.errors import BadInput, Conflict, LogInconsistent
from harness.files import read_if_there, refusal, write_bytes
from harness.paths import seen_folder
from harness.registry.db import checkpoints
from harness.registry.store import Registry
from harness.tlog import merkle

_LIMIT = 64 << 10
_NO_PLACE = (errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR)


def folder() -> Path:
    """Beside the keys."""
    return seen_folder()


def unused(origin: str, place: Path) -> None:
    """Raises `Conflict` where a registry of this name was seen here: everybody who saw it would take a second for a cut log."""
    path = _path(origin, place)
    before = _read(path)
    if before is not None:
        raise Conflict(
            f"a registry of this name was seen here, with {before[0]} entries: its readers would refuse a second one",
            where=origin,
            fix=f"take another --origin, or move the old one: repro registry export, import; if nobody knows it, remove {path}",
        )


def _path(origin: str, place: Path) -> Path:
    return place / f"{sha256(origin.encode()).hexdigest()[:16]}.json"


def look(registry: Registry, place: Path) -> None:
    """Compare with what was seen before of this origin, wherever that lay, by a consistency proof; remember the longer log and
    its newest checkpoint.

    A folder of exported files counts as a database does: a copy without its end would give other tiers. Nothing is remembered
    where no place can be written: looking at a registry must not need one. Raises `LogInconsistent`.
    """
    with registry.reading() as reader:
        origin, size_now, root_now = reader.origin(), reader.size(), reader.root()
        signed_now = checkpoints.newest_size(reader)
        path = _path(origin, place)
        before = _read(path)
        if before is not None:
            size, root, signed = before
            if size > size_now:
                raise LogInconsistent(
                    f"has {size_now} entries, and {origin} had {size} when it was last seen here",
                    where=registry.target,
                    fix=f"its log was cut, or this is an older copy; to read it all the same, remove {path}",
                )
            proof = merkle.consistency_proof(size, size_now, reader.node)
            if not merkle.verify_consistency(size, size_now, root, root_now, proof):
                raise LogInconsistent(
                    f"shows another history than it did at entry {size}",
                    where=registry.target,
                    fix=f"trust neither before you know why; then remove {path}",
                )
            if signed > signed_now:
                raise LogInconsistent(
                    f"has a newest checkpoint of {signed_now} entries, and {origin} had one of {signed} when it was last seen",
                    where=registry.target,
                    fix=f"a checkpoint was removed, or this is an older copy; to read it all the same, remove {path}",
                )
            if (size, signed) == (size_now, signed_now):
                return
    try:
        place.mkdir(parents=True, exist_ok=True)
        if not os.access(place, os.W_OK):
            return
    except OSError as error:
        if error.errno in _NO_PLACE:
            return
        raise refusal(error, place) from error
    kept = {"origin": origin, "size": size_now, "root": root_now.hex(), "signed": signed_now}
    write_bytes(path, json.dumps(kept).encode())


def _read(path: Path) -> tuple[int, bytes, int] | None:
    """Entries, root, and entries below the newest checkpoint; 0 where it was kept before checkpoints were."""
    try:
        text = read_if_there(path, _LIMIT, "the memory of a registry")
        if text is None:
            return None
        data = json.loads(text)
        return int(data["size"]), bytes.fromhex(data["root"]), int(data.get("signed", 0))
    except BadInput as error:
        if isinstance(error.__cause__, PermissionError):  # a home that is closed to us remembers nothing
            return None
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"can't be read ({error})", where=str(path), fix="remove it") from error
