"""Models of Hugging Face: revision pinned to a commit, resumed where a download stopped, verified by the digests stated there.

What its own library fetched before is linked to and verified, never fetched twice. Each file has its final name only after its
digest was checked; the folders are named as that library names its own, so that a path tells repository and commit.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from harness.catalog import digest, huggingface_files, huggingface_user, safetensors
from harness.catalog.huggingface_cache import COMMIT, folder_name
from harness.catalog.huggingface_stream import TooLong, read_piece, stream
from harness.catalog.references import HuggingFaceReference
from harness.errors import BadInput, ReproError
from harness.files import locked, need_room, read_if_there, sync, write_text
from harness.inside import proper
from harness.progress import SILENT, Progress

_SHA1 = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_LISTING_LIMIT = 64 << 20


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as Hugging Face states it: sha256 of large ones, Git's digest of small ones."""

    size: int
    sha256: str | None
    blob_id: str | None


Listing = Mapping[str, RemoteFile]


@dataclass(frozen=True, slots=True)
class Remote:
    """A model that is not fetched: its commit, the folder of its descriptions, its weight files with their sizes in bytes."""

    reference: HuggingFaceReference
    folder: Path
    weights: Mapping[str, int]


def download(reference: HuggingFaceReference, cache: Path, expected: Mapping[str, str], progress: Progress) -> Path:
    """The model in the cache: a GGUF (of shards the first), or a folder of safetensors.

    `expected`: the catalogue's sha256 by name, where it has one. Raises `BadInput`: unknown repository, revision or file, gated,
    offline, wrong digest, a format that could run code.
    """
    if reference.file and not reference.file.lower().endswith(".gguf"):
        fix = f"name a .gguf file, or the repository: hf:{reference.repo}"
        raise BadInput("only .gguf files are accepted", where=str(reference), fix=fix)
    place = _place(reference, cache)
    known = _known(place, reference)
    commit, listing = known or _listed(reference)
    folder = place / "snapshots" / commit
    pinned = replace(reference, revision=commit)
    if reference.file or reference.quantisation:
        names = huggingface_files.gguf_of(pinned, listing.keys())
        _bring(pinned, folder, {name: listing[name] for name in names}, expected, progress)
        path = folder / names[0]
    else:
        path = _folder(pinned, folder, listing, expected, progress)
    if known is None:
        write_text(place / f"{commit}.json", json.dumps({name: asdict(one) for name, one in listing.items()}))
    return path


def look(reference: HuggingFaceReference, cache: Path) -> Remote:
    """What a reference means there, with its descriptions in the cache; no weights are fetched. Raises `BadInput`."""
    commit, listing = _known(_place(reference, cache), reference) or _listed(reference)
    folder, pinned = _place(reference, cache) / "snapshots" / commit, replace(reference, revision=commit)
    if reference.file or reference.quantisation:
        names = huggingface_files.gguf_of(pinned, listing.keys())
        return Remote(pinned, folder, {name: listing[name].size for name in names})
    weights = _described(pinned, folder, listing, {}, SILENT)
    return Remote(pinned, folder, {name: listing[name].size for name in weights})


def piece(reference: HuggingFaceReference, name: str, begin: int, count: int) -> bytes:
    """Bytes of one file, without the rest of it. Raises `BadInput`."""
    one = replace(reference, file=name, quantisation="")
    found: bytes = _asked(one, lambda: read_piece(one, begin, count, huggingface_user.token()))
    return found


def snapshot(reference: HuggingFaceReference, cache: Path) -> Path:
    """Where the files of a repository are in the cache; the revision must be a commit."""
    return _place(reference, cache) / "snapshots" / reference.revision


def _place(reference: HuggingFaceReference, cache: Path) -> Path:
    return cache / "huggingface" / folder_name(reference.repo)


def _folder(
    reference: HuggingFaceReference, folder: Path, listing: Listing, expected: Mapping[str, str], progress: Progress
) -> Path:
    """Descriptions first: what names code, or has no weights, is refused before the weights are fetched."""
    weights = _described(reference, folder, listing, expected, progress)
    _bring(reference, folder, {name: listing[name] for name in weights}, expected, progress)
    return folder


def _described(
    reference: HuggingFaceReference, folder: Path, listing: Listing, expected: Mapping[str, str], progress: Progress
) -> list[str]:
    """Bring what describes the model; the names of its weights. Raises `BadInput`."""
    huggingface_files.refuse_without_weights(reference, listing.keys())
    described = huggingface_files.descriptions_of(listing.keys())
    if "config.json" not in described:
        raise BadInput("has no config.json", where=str(reference), fix="take a repository of one model")
    mapped = safetensors.INDEX in described
    weights = [] if mapped else huggingface_files.weights_of(reference, listing.keys(), None)
    _bring(reference, folder, {name: listing[name] for name in described}, expected, progress)
    safetensors.refuse_code(folder)
    if mapped:
        named = safetensors.indexed(folder / safetensors.INDEX)
        weights = huggingface_files.weights_of(reference, listing.keys(), named)
    return list(weights)


def _known(place: Path, reference: HuggingFaceReference) -> tuple[str, Listing] | None:
    """What was listed before: a commit never changes. None for a branch, and for a commit that was never asked for."""
    if not COMMIT.fullmatch(reference.revision):
        return None
    data = read_if_there(place / f"{reference.revision}.json", _LISTING_LIMIT, "the list of files")
    try:
        found = {str(name): RemoteFile(**one) for name, one in json.loads(data or b"").items()}
    except (ValueError, TypeError, AttributeError, RecursionError):
        return None
    return reference.revision, found


def _listed(reference: HuggingFaceReference) -> tuple[str, Listing]:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # nothing is told to anybody
    from huggingface_hub import HfApi

    def ask() -> Any:
        token = huggingface_user.token() or False
        return HfApi(token=token).model_info(reference.repo, revision=reference.revision, files_metadata=True)

    return _facts(reference, _asked(reference, ask))


def _asked(reference: HuggingFaceReference, ask: Callable[[], Any]) -> Any:
    """What `ask` returns; each refusal of Hugging Face or the network as one line."""
    from huggingface_hub import errors

    try:
        return ask()
    except errors.GatedRepoError as error:
        fix = "accept its terms there, and set HF_TOKEN or run: hf auth login"
        raise _refused(reference, "the repository is gated", fix) from error
    except errors.RepositoryNotFoundError as error:
        raise _refused(reference, "no such repository, or it is private", "check the name, or set HF_TOKEN") from error
    except errors.RevisionNotFoundError as error:
        raise _refused(reference, "no such revision", "name a branch, tag or commit of it") from error
    except errors.EntryNotFoundError as error:
        raise _refused(reference, "no such file", "see the repository's list of files") from error
    except (ReproError, KeyboardInterrupt):
        raise
    except TooLong as error:
        raise _refused(reference, str(error), "fetch again; if it stays so, do not use it") from error
    except Exception as error:  # the transport's own exceptions change with the library's version
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        commit = huggingface_user.commit_of(reference.repo, reference.revision)
        fix = "check the network and run the same command: it continues where it stopped"
        if commit is not None and COMMIT.fullmatch(commit):
            fix += f"; your Hugging Face cache knows {reference.revision} as @{commit}"
        raise _refused(reference, f"can't be fetched ({reason})", fix) from error


def _facts(reference: HuggingFaceReference, info: Any) -> tuple[str, Listing]:
    commit = str(info.sha or "")
    if not COMMIT.fullmatch(commit):
        raise _refused(reference, "Hugging Face gives no commit for that revision", "name a commit")
    found = {}
    for entry in info.siblings or ():
        name = str(entry.rfilename)
        if proper(name.replace(" ", "_")):
            sha256 = str(entry.lfs.sha256) if entry.lfs is not None else ""
            blob = str(entry.blob_id or "")
            found[name] = RemoteFile(
                size=max(int(entry.size or 0), 0),
                sha256=sha256 if _SHA256.fullmatch(sha256) else None,
                blob_id=blob if _SHA1.fullmatch(blob) else None,
            )
    return commit, found


def _bring(
    reference: HuggingFaceReference, folder: Path, wanted: Listing, expected: Mapping[str, str], progress: Progress
) -> None:
    """Every file under its final name. Raises `BadInput` or `NotEnoughSpace`; what was fetched is kept."""
    missing = [name for name in wanted if not (folder / name).exists()]
    if not missing:
        return
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder.parent.parent / "fetch.lock", f"another fetch of {reference.repo} is running"):
        theirs = huggingface_user.snapshot(reference.repo, reference.revision)
        remote = [
            name
            for name in missing
            if not _linked(theirs / name, folder / name, wanted[name], expected.get(name), progress)
        ]
        need_room(folder, sum(wanted[name].size - _size(_part(folder / name)) for name in remote))
        total, done = sum(wanted[name].size for name in remote), 0
        for name in remote:
            _fetch(
                replace(reference, file=name, quantisation=""),
                folder / name,
                wanted[name],
                expected.get(name),
                (progress, done, total),
            )
            done += wanted[name].size


def _linked(theirs: Path, target: Path, told: RemoteFile, expected: str | None, progress: Progress) -> bool:
    """Whether the user's own cache has the file, and it is what Hugging Face states: then `target` leads to it."""
    if not theirs.is_file() or theirs.stat().st_size != told.size or _differs(theirs, told, expected, progress):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    target.unlink(missing_ok=True)  # a link that leads nowhere any more
    target.symlink_to(theirs.resolve())
    return True


def _fetch(
    reference: HuggingFaceReference,
    target: Path,
    told: RemoteFile,
    expected: str | None,
    shown: tuple[Progress, int, int],
) -> None:
    progress, before, total = shown
    target.parent.mkdir(parents=True, exist_ok=True)
    part = _part(target)

    def advance(done: int) -> None:
        progress.advance(f"fetching {reference.file}", before + done, total)

    _asked(reference, lambda: stream(reference, part, told.size, huggingface_user.token(), advance))
    wrong = _differs(part, told, expected, progress)
    if wrong:
        part.unlink(missing_ok=True)
        raise _refused(reference, wrong, "fetch again; if it stays so, do not use it")
    target.unlink(missing_ok=True)
    os.replace(part, target)
    sync(target.parent)


def _differs(path: Path, told: RemoteFile, expected: str | None, progress: Progress) -> str:
    """What is wrong with a file's digest; "" where it is the one stated, and the catalogue's."""
    if told.sha256 is None and expected is None:
        if told.blob_id is None:
            return "Hugging Face states no digest for it"
        found = huggingface_user.blob_id(path)
        return "" if found == told.blob_id else f"its Git digest is {found[:16]}…, not {told.blob_id[:16]}…"
    found = digest.hash_file(path, progress)
    wrong = [wanted for wanted in (expected, told.sha256) if wanted is not None and wanted != found]
    return f"its sha256 is {found[:16]}…, not {wrong[0][:16]}…" if wrong else ""


def _part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _refused(reference: HuggingFaceReference, what: str, fix: str) -> BadInput:
    return BadInput(what, where=str(reference), fix=fix)
