"""Which files a repository has at a commit, with their digests: as Hugging Face states them, kept, or by the user's own cache."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

from harness.catalog import huggingface_user
from harness.catalog.huggingface_cache import COMMIT
from harness.catalog.huggingface_files import WHOLE
from harness.catalog.references import HuggingFaceReference
from harness.catalog.safetensors import INDEX
from harness.errors import BadInput
from harness.files import read_if_there, write_text
from harness.inside import proper

_SHA1 = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LIMIT = 64 << 20
_SHOWN = 8


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as Hugging Face states it: sha256 of large ones, Git's digest of small ones."""

    size: int
    sha256: str | None
    blob_id: str | None


class Source(Enum):
    """Who says what a commit holds."""

    STATED = auto()  # Hugging Face, now
    KEPT = auto()  # Hugging Face, before: a commit never changes
    CACHE = auto()  # the names in the user's own cache: some of its files, and nobody was asked


@dataclass(frozen=True, slots=True)
class Listed:
    """The files of a commit."""

    commit: str
    files: Mapping[str, RemoteFile]
    source: Source


def known(place: Path, reference: HuggingFaceReference) -> Listed | None:
    """What was listed before. None for a branch, and for a commit that was never asked for."""
    if not COMMIT.fullmatch(reference.revision):
        return None
    data = read_if_there(place / f"{reference.revision}.json", _LIMIT, "the list of files")
    try:
        found = {str(name): RemoteFile(**one) for name, one in json.loads(data or b"").items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return Listed(reference.revision, found, Source.KEPT)


def keep(place: Path, listed: Listed) -> None:
    """For `known`."""
    files = {name: asdict(one) for name, one in listed.files.items()}
    write_text(place / f"{listed.commit}.json", json.dumps(files))


def stated(reference: HuggingFaceReference, info: Any) -> Listed:
    """From what Hugging Face's library gives. Raises `BadInput` where it names no commit."""
    commit = str(info.sha or "")
    if not COMMIT.fullmatch(commit):
        raise BadInput("Hugging Face gives no commit for that revision", where=str(reference), fix="name a commit")
    found = {}
    for entry in info.siblings or ():
        name = str(entry.rfilename)
        if _good(name):
            sha256 = str(entry.lfs.sha256) if entry.lfs is not None else ""
            found[name] = _file(max(int(entry.size or 0), 0), sha256, str(entry.blob_id or ""))
    return Listed(commit, found, Source.STATED)


def cached(reference: HuggingFaceReference) -> Listed | None:
    """A commit as the user's own cache has it: each file with the digest that its library names it by, which may be damaged.

    None for a branch, which may have gone on, and where the cache does not have it. Raises `BadInput` where the files that are
    there can't tell what is meant, for there may be more of them.
    """
    snapshot = huggingface_user.snapshot(reference.repo, reference.revision)
    if not COMMIT.fullmatch(reference.revision) or not snapshot.is_dir():
        return None
    found = {}
    for path in sorted(snapshot.rglob("*")):
        name = path.relative_to(snapshot).as_posix()
        if _good(name) and path.is_file():
            digest = path.resolve().name
            found[name] = _file(path.stat().st_size, digest, digest)
    _refuse_uncertain(reference, found)
    return Listed(reference.revision, found, Source.CACHE)


def _refuse_uncertain(reference: HuggingFaceReference, found: Mapping[str, RemoteFile]) -> None:
    what = "Hugging Face can't be reached, and your own cache may lack files"
    if reference.quantisation:
        models = [name for name in found if name.lower().endswith(".gguf")]
        fix = f"name the file: hf:{reference.repo}@{reference.revision}/FILE"
        raise BadInput(f"{what}: it has {', '.join(models[:_SHOWN]) or 'no GGUF'}", where=str(reference), fix=fix)
    weights = [name for name in found if name.endswith(".safetensors")]
    if not reference.file and weights and not {INDEX, WHOLE} & found.keys():
        raise BadInput(f"{what}: {weights[0]} and no {INDEX}", where=str(reference), fix="check the network")


def unusable(reference: HuggingFaceReference, name: str, told: RemoteFile) -> BadInput:
    """A file of the user's own cache that is not the one its name there says, or can't be checked."""
    checked = told.sha256 or told.blob_id
    fault = f"is not the file of the digest {checked[:16]}…" if checked else "has no digest there: it can't be checked"
    return BadInput(
        f"Hugging Face can't be reached, and {name} of your own cache {fault}",
        where=str(reference),
        fix="check the network and run the same command"
        + ("" if checked else ", or name its folder in that cache as the model"),
    )


def _good(name: str) -> bool:
    return proper(name.replace(" ", "_"))


def _file(size: int, sha256: str, blob_id: str) -> RemoteFile:
    return RemoteFile(
        size=size,
        sha256=sha256 if _SHA256.fullmatch(sha256) else None,
        blob_id=blob_id if _SHA1.fullmatch(blob_id) else None,
    )
