"""Files of a Hugging Face: revision pinned to a commit, resumed where a download stopped, verified by Hugging Face's digest."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from harness.catalog import digest
from harness.catalog.models import HuggingFaceReference
from harness.errors import BadInput, ReproError
from harness.files import need_room, sync, sync_descriptor
from harness.inside import proper
from harness.progress import Progress

ALLOWED = (".gguf",)
TIMEOUT_S = 30.0
_COMMIT = re.compile(r"[0-9a-f]{40}")


def download(reference: HuggingFaceReference, cache: Path, expected: str | None, progress: Progress) -> Path:
    """The file in the cache. `expected` is the catalogue's sha256; otherwise Hugging Face's own statement is verified.

    Raises `BadInput`: unknown repository, revision or file, gated, offline, wrong digest, a format that could run code.
    """
    if not reference.file.lower().endswith(ALLOWED):
        raise BadInput("only .gguf files are accepted", where=str(reference), fix="name such a file")
    # Nothing of the user's home is read, and nothing is told to anybody.
    os.environ.setdefault("HF_HOME", str(cache / "huggingface"))
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    from huggingface_hub import HfApi
    from huggingface_hub import errors as huggingface_errors

    place = cache / "huggingface" / reference.repo.replace("/", "--")
    if not all(map(proper, reference.file.replace(" ", "_").split("/"))) or reference.revision in (".", ".."):
        raise BadInput("its file has no proper name", where=str(reference), fix="write hf:owner/name@revision/file")
    if _COMMIT.fullmatch(reference.revision) and (place / reference.revision / reference.file).exists():
        # A commit never changes, and a file has its final name only after its digest was checked.
        return place / reference.revision / reference.file
    try:
        info = HfApi().model_info(reference.repo, revision=reference.revision, files_metadata=True)
        commit, stated, size = _facts(reference, info)
        target = place / commit / reference.file
        if target.exists():
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
        need_room(target.parent, size)
        part = target.with_name(target.name + ".part")
        _stream(HuggingFaceReference(reference.repo, commit, reference.file), part, size, progress)
    except huggingface_errors.GatedRepoError as error:
        raise _refused(reference, "the repository is gated", "accept its terms there and set HF_TOKEN") from error
    except huggingface_errors.RepositoryNotFoundError as error:
        raise _refused(reference, "no such repository, or it is private", "check the name, or set HF_TOKEN") from error
    except huggingface_errors.RevisionNotFoundError as error:
        raise _refused(reference, "no such revision", "name a branch, tag or commit of it") from error
    except huggingface_errors.EntryNotFoundError as error:
        raise _refused(reference, "no such file", "see the repository's list of files") from error
    except ReproError:
        raise
    except Exception as error:  # the transport's own exceptions change with the library's version
        reason = " ".join(str(error).split())[:160] or type(error).__name__
        fix = "check the network and run it again: it goes on where it stopped"
        raise _refused(reference, f"can't be fetched ({reason})", fix) from error
    wanted = expected or stated
    found = digest.hash_file(part, progress)
    if wanted is None or found != wanted:
        part.unlink(missing_ok=True)
        told = f"its sha256 is {found[:16]}…, not {wanted[:16]}…" if wanted else "Hugging Face states no digest for it"
        raise _refused(reference, told, "fetch again; if it stays so, do not use it")
    os.replace(part, target)
    sync(target.parent)
    return target


def _stream(reference: HuggingFaceReference, part: Path, size: int, progress: Progress) -> None:
    """Append what is missing to `part`; the library's own download deletes its part on every failure."""
    from huggingface_hub import get_session, hf_hub_url
    from huggingface_hub.utils import build_hf_headers, hf_raise_for_status  # type: ignore[attr-defined]

    url = hf_hub_url(reference.repo, reference.file, revision=reference.revision)
    done = part.stat().st_size if part.exists() else 0
    if size and done >= size:
        return
    headers = {**build_hf_headers(), "Accept-Encoding": "identity"}
    if done:
        headers["Range"] = f"bytes={done}-"
    with get_session().stream("GET", url, headers=headers, follow_redirects=True, timeout=TIMEOUT_S) as response:
        hf_raise_for_status(response)
        if response.status_code != 206:
            done = 0  # Hugging Face knows no ranges: from the start
        with part.open("ab" if done else "wb") as out:
            for block in response.iter_bytes(1 << 20):
                out.write(block)
                done += len(block)
                progress.advance(f"fetching {reference.file}", done, size)
            out.flush()
            sync_descriptor(out.fileno())


def _facts(reference: HuggingFaceReference, info: Any) -> tuple[str, str | None, int]:
    commit = str(info.sha or "")
    if not _COMMIT.fullmatch(commit):
        raise _refused(reference, "Hugging Face gives no commit for that revision", "name a commit")
    for entry in info.siblings or ():
        if entry.rfilename == reference.file:
            lfs = entry.lfs
            return commit, (str(lfs.sha256) if lfs is not None else None), int(entry.size or 0)
    raise _refused(reference, "no such file", "see the repository's list of files")


def _refused(reference: HuggingFaceReference, what: str, fix: str) -> BadInput:
    return BadInput(what, where=str(reference), fix=fix)
