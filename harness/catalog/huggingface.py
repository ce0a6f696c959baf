"""Models of Hugging Face: revision pinned to a commit, resumed where a download stopped, verified by the digests stated there.

What its own library fetched before is linked to and verified, never fetched twice. Each file has its final name only after its
digest was checked; the folders are named as that library names its own, so that a path tells repository and commit.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.catalog import (
    digest,
    huggingface_files,
    huggingface_listing,
    huggingface_user,
    openvino_ir,
    safetensors,
    tasks,
)
from harness.catalog.huggingface_cache import COMMIT, folder_name
from harness.catalog.huggingface_listing import Listed, RemoteFile, Source
from harness.catalog.huggingface_stream import TIMEOUT_S, TooLong, read_piece, stream
from harness.catalog.references import HuggingFaceReference
from harness.errors import BadInput, ReproError
from harness.files import locked, need_room, sync
from harness.model_json import read_json
from harness.progress import SILENT, Progress


@dataclass(frozen=True, slots=True)
class Remote:
    """A model that is not fetched: its commit, the folder of its descriptions, its weight files with their sizes in bytes."""

    reference: HuggingFaceReference
    folder: Path
    weights: Mapping[str, int]


class _Unreachable(BadInput):
    """Hugging Face gave no answer, whatever the reason."""


def download(reference: HuggingFaceReference, cache: Path, expected: Mapping[str, str], progress: Progress) -> Path:
    """The model in the cache: a GGUF (of shards the first), or a folder of safetensors.

    `expected`: the catalogue's sha256 by name, where it has one. Raises `BadInput`: unknown repository, revision or file, gated,
    offline, wrong digest, a format that could run code.
    """
    if reference.file and not reference.file.lower().endswith(".gguf"):
        fix = f"name a .gguf file, or the repository: hf:{reference.repo}"
        raise BadInput("only .gguf files are accepted", where=str(reference), fix=fix)
    place = _place(reference, cache)
    listed = _found(place, reference)
    folder = place / "snapshots" / listed.commit
    pinned = replace(reference, revision=listed.commit)
    if listed.source is Source.CACHE:
        progress.remark(
            "Hugging Face can't be reached: the commit is taken as your own cache has it, each file checked by the digest "
            "that it is named by there"
        )
    if reference.file or reference.quantisation:
        names = huggingface_files.gguf_of(pinned, listed.files.keys())
        _bring(pinned, folder, names, listed, expected, progress)
        path = folder / names[0]
    else:
        path = _folder(pinned, folder, listed, expected, progress)
    if listed.source is Source.STATED:
        huggingface_listing.keep(place, listed)
    return path


def look(reference: HuggingFaceReference, cache: Path) -> Remote:
    """What a reference means there, with its descriptions in the cache; no weights are fetched. Raises `BadInput`."""
    listed = _found(_place(reference, cache), reference)
    folder = _place(reference, cache) / "snapshots" / listed.commit
    pinned = replace(reference, revision=listed.commit)
    if reference.file or reference.quantisation:
        names = huggingface_files.gguf_of(pinned, listed.files.keys())
    else:
        names = _described(pinned, folder, listed, {}, SILENT, to_run=False)
    if listed.source is Source.CACHE:  # no piece of them can be asked for, and they are here
        _bring(pinned, folder, names, listed, {}, SILENT)
    return Remote(pinned, folder, {name: listed.files[name].size for name in names})


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
    reference: HuggingFaceReference, folder: Path, listed: Listed, expected: Mapping[str, str], progress: Progress
) -> Path:
    """Descriptions first: what names code, or has no weights, is refused before the weights are fetched."""
    weights = _described(reference, folder, listed, expected, progress)
    _bring(reference, folder, weights, listed, expected, progress)
    return folder


def _described(
    reference: HuggingFaceReference,
    folder: Path,
    listed: Listed,
    expected: Mapping[str, str],
    progress: Progress,
    *,
    to_run: bool = True,
) -> list[str]:
    """Bring what describes the model; the names of its weights. Raises `BadInput`."""
    there = listed.files.keys()
    huggingface_files.refuse_without_weights(reference, there)
    described = huggingface_files.descriptions_of(there)
    if "config.json" not in described:
        raise BadInput("has no config.json", where=str(reference), fix="take a repository of one model")
    mapped = safetensors.INDEX in described
    weights = [] if mapped else huggingface_files.weights_of(reference, there, None)
    _bring(reference, folder, described, listed, expected, progress)
    if huggingface_files.is_openvino(there):
        openvino_ir.refuse_code(folder)
    else:
        safetensors.refuse_code(folder, to_run=to_run)
    if to_run:
        tasks.refuse_folder(read_json(folder / "config.json"), str(reference))
    if mapped:
        named = safetensors.indexed(folder / safetensors.INDEX)
        weights = huggingface_files.weights_of(reference, there, named)
    return list(weights)


def _found(place: Path, reference: HuggingFaceReference) -> Listed:
    """What a reference means: as listed before, else as Hugging Face says now, else a commit as the user's own cache has it."""
    listed = huggingface_listing.known(place, reference)
    if listed is not None:
        return listed
    try:
        return _listed(reference)
    except _Unreachable:
        theirs = huggingface_listing.cached(reference)
        if theirs is None:
            raise
        return theirs


def _listed(reference: HuggingFaceReference) -> Listed:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # nothing is told to anybody
    from huggingface_hub import HfApi

    def ask() -> Any:
        token = huggingface_user.token() or False
        return HfApi(token=token).model_info(
            reference.repo, revision=reference.revision, files_metadata=True, timeout=TIMEOUT_S
        )

    return huggingface_listing.stated(reference, _asked(reference, ask))


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
        answer = getattr(error, "response", None)
        status = answer.status_code if isinstance(error, errors.HfHubHTTPError) and answer is not None else 0
        if status in _NOT_LET_IN:
            raise _refused(reference, f"Hugging Face answers {_NOT_LET_IN[status]} ({status})", _LET_IN) from error
        raise _unreachable(reference, error, status) from error


_NOT_LET_IN = {401: "that the token is not valid", 403: "that access is refused", 451: "that law forbids it"}
_LET_IN = "see the repository's page there; check HF_TOKEN, or run: hf auth login"


def _unreachable(reference: HuggingFaceReference, error: Exception, status: int) -> _Unreachable:
    """Why there was no answer of use; `status` 0: none at all."""
    reason = " ".join(str(error).split())[:160] or type(error).__name__
    fix = "check the network and run the same command: it continues where it stopped"
    if status == 429 or status >= 500:
        reason = "too many requests" if status == 429 else "out of order"
        reason, fix = f"{reason}, {status}", "wait, and run the same command: it continues where it stopped"
    elif isinstance(error, ValueError | TypeError):
        reason = "what answers is not Hugging Face: a proxy, a login page, or a wrong HF_ENDPOINT"
    commit = huggingface_user.commit_of(reference.repo, reference.revision)
    if commit is not None and COMMIT.fullmatch(commit):
        fix += f"; your Hugging Face cache knows {reference.revision} as @{commit}"
    return _Unreachable(f"can't be fetched ({reason})", where=str(reference), fix=fix)


def _bring(
    reference: HuggingFaceReference,
    folder: Path,
    names: Collection[str],
    listed: Listed,
    expected: Mapping[str, str],
    progress: Progress,
) -> None:
    """Every file under its final name. Raises `BadInput` or `NotEnoughSpace`; what was fetched is kept."""
    wanted = listed.files
    missing = [name for name in names if not (folder / name).exists()]
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
        if remote and listed.source is Source.CACHE:
            raise huggingface_listing.unusable(reference, remote[0], wanted[remote[0]])
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
