"""What this user last saw of each registry: a registry that shows another past is refused."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from harness.errors import BadInput, Conflict, LogInconsistent
from harness.files import read_if_there, refusal, write_bytes
from harness.measure.plural import count
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
            f"a registry of this name was seen here, with {count(before.size, 'entry', 'entries')}: "
            "its readers would refuse a second one",
            where=origin,
            fix=f"take another --origin, or move the old one: repro registry export, import; if nobody knows it, remove {path}",
        )


def _path(origin: str, place: Path) -> Path:
    return place / f"{sha256(origin.encode()).hexdigest()[:16]}.json"


@dataclass(frozen=True, slots=True)
class Seen:
    """A log as it shows itself. `signed`: entries below its newest checkpoint; `key`: the registry's, "" where it is not kept."""

    origin: str
    size: int
    root: bytes
    signed: int
    key: str = ""


def real(origin: str, place: Path) -> bool:
    """Whether a registry of this name was seen over its URL that was no demonstration: then it can't become one."""
    before = _read(_path(origin, place))
    return before is not None and bool(before.key)


def look(registry: Registry, place: Path) -> None:
    """Compare with what was seen before of this origin, wherever that lay, by a consistency proof; remember the longer log and
    its newest checkpoint.

    A folder of exported files counts as a database does: a copy without its end would give other tiers. Nothing is remembered
    where no place can be written: looking at a registry must not need one. Raises `LogInconsistent`.
    """
    if registry.elsewhere:
        return  # it has looked when it was opened
    with registry.reading() as reader:
        seen = Seen(reader.origin(), reader.size(), reader.root(), checkpoints.newest_size(reader))
        compare(seen, lambda old: merkle.consistency_proof(old, seen.size, reader.node), registry.target, place)


def compare(
    seen: Seen,
    prove: Callable[[int], Sequence[bytes]],
    where: str,
    place: Path,
    follows: Callable[[str, str], bool] = lambda _old, _new: False,
) -> None:
    """As `look`, of what any source shows; `prove` gives the proof that an older log, by its size, is the beginning of it, and
    `follows` says whether the log announced that the second key takes over from the first.
    """
    path = _path(seen.origin, place)
    before = _read(path)
    if before is not None:
        if before.key and seen.key and before.key != seen.key and not follows(before.key, seen.key):
            raise LogInconsistent(
                f"has another key than {seen.origin} had when it was last seen here, which its log did not announce",
                where=where,
                fix=f"trust neither before you know why; then remove {path}",
            )
        if before.size > seen.size:
            raise LogInconsistent(
                f"has {count(seen.size, 'entry', 'entries')}, and {seen.origin} had {before.size} when it was last seen here",
                where=where,
                fix=f"its log was cut, or this is an older copy; to read it all the same, remove {path}",
            )
        if not merkle.verify_consistency(before.size, seen.size, before.root, seen.root, prove(before.size)):
            raise LogInconsistent(
                f"shows another history than it did at entry {before.size}",
                where=where,
                fix=f"trust neither before you know why; then remove {path}",
            )
        if before.signed > seen.signed:
            raise LogInconsistent(
                f"has a newest checkpoint of {count(seen.signed, 'entry', 'entries')}, and {seen.origin} had one of "
                f"{before.signed} when it was last seen",
                where=where,
                fix=f"a checkpoint was removed, or this is an older copy; to read it all the same, remove {path}",
            )
        if (before.size, before.signed) == (seen.size, seen.signed) and (before.key == seen.key or not seen.key):
            return
    _keep(seen, path, before.key if before is not None else "")


def _keep(seen: Seen, path: Path, key: str) -> None:
    place = path.parent
    try:
        place.mkdir(parents=True, exist_ok=True)
        if not os.access(place, os.W_OK):
            return
    except OSError as error:
        if error.errno in _NO_PLACE:
            return
        raise refusal(error, place) from error
    kept: dict[str, str | int] = {
        "origin": seen.origin,
        "size": seen.size,
        "root": seen.root.hex(),
        "signed": seen.signed,
    }
    if seen.key or key:
        kept["key"] = seen.key or key
    write_bytes(path, json.dumps(kept).encode())


def _read(path: Path) -> Seen | None:
    """What was kept; no signed entries where that was before checkpoints were kept."""
    try:
        text = read_if_there(path, _LIMIT, "the memory of a registry")
        if text is None:
            return None
        data = json.loads(text)
        root, key = bytes.fromhex(data["root"]), str(data.get("key", ""))
        return Seen(str(data.get("origin", "")), int(data["size"]), root, int(data.get("signed", 0)), key)
    except BadInput as error:
        if isinstance(error.__cause__, PermissionError):  # a home that is closed to us remembers nothing
            return None
        raise
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadInput(f"can't be read ({error})", where=str(path), fix="remove it") from error
