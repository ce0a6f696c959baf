"""Files of a model hub: revision pinned to a commit, resumed where a download stopped, verified by the hub's digest."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from harness.catalog import digest
from harness.catalog.models import HubReference
from harness.errors import BadInput

Progress = Callable[[str, int, int], None]
ALLOWED = (".gguf",)
_COMMIT = re.compile(r"[0-9a-f]{40}")


def download(reference: HubReference, cache: Path, expected: str | None, progress: Progress) -> Path:
    """The file in the cache. `expected` is the catalogue's sha256; otherwise the hub's own statement is verified.

    Raises `BadInput`: unknown repository, revision or file, gated, offline, wrong digest, a format that could run code.
    """
    if not reference.file.endswith(ALLOWED):
        raise BadInput("only .gguf files are accepted", where=str(reference), fix="name such a file")
    # Nothing of the user's home is read, and nothing is told to anybody.
    os.environ.setdefault("HF_HOME", str(cache / "huggingface"))
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    os.environ.setdefault("HF_HUB_DISABLE_XET", "1")  # plain HTTP ranges: resumable against any hub
    from huggingface_hub import HfApi, hf_hub_download, try_to_load_from_cache
    from huggingface_hub import errors as hub_errors

    folder = cache / "hub"
    if _COMMIT.fullmatch(reference.revision):
        # A commit never changes: what was verified once needs no network again.
        there = try_to_load_from_cache(reference.repo, reference.file, cache_dir=folder, revision=reference.revision)
        if isinstance(there, str):
            return Path(there)
    try:
        info = HfApi().model_info(reference.repo, revision=reference.revision, files_metadata=True)
        commit, stated, size = _facts(reference, info)
        path = Path(
            hf_hub_download(
                reference.repo,
                reference.file,
                revision=commit,
                cache_dir=folder,
                tqdm_class=_reporter(progress, reference.file, size),
            )
        )
    except hub_errors.GatedRepoError as error:
        raise _refused(reference, "the repository is gated", "accept its terms there and set HF_TOKEN") from error
    except hub_errors.RepositoryNotFoundError as error:
        raise _refused(reference, "no such repository, or it is private", "check the name, or set HF_TOKEN") from error
    except hub_errors.RevisionNotFoundError as error:
        raise _refused(reference, "no such revision", "name a branch, tag or commit of it") from error
    except (hub_errors.EntryNotFoundError, hub_errors.LocalEntryNotFoundError) as error:
        raise _refused(
            reference, "no such file, or the connection broke", "check the name, run again to go on"
        ) from error
    except BadInput:
        raise
    except Exception as error:  # the transport's own exceptions change with the library's version
        reason = " ".join(str(error).split())[:160]
        raise _refused(reference, f"can't be fetched ({reason})", "check the network; what is there is kept") from error
    wanted = expected or stated
    found = digest.cached(path.resolve(), cache, lambda done, total: progress("checking the digest", done, total))
    if wanted is None or found != wanted:
        path.resolve().unlink(missing_ok=True)
        path.unlink(missing_ok=True)
        told = f"its sha256 is {found[:16]}…, not {wanted[:16]}…" if wanted else "the hub states no digest for it"
        raise _refused(reference, told, "fetch again; if it stays so, do not use it")
    return path


def _facts(reference: HubReference, info: Any) -> tuple[str, str | None, int]:
    commit = str(info.sha or "")
    if not _COMMIT.fullmatch(commit):
        raise _refused(reference, "the hub gives no commit for that revision", "name a commit")
    for entry in info.siblings or ():
        if entry.rfilename == reference.file:
            lfs = entry.lfs
            return commit, (str(lfs.sha256) if lfs is not None else None), int(entry.size or 0)
    raise _refused(reference, "no such file", "see the repository's list of files")


def _refused(reference: HubReference, what: str, fix: str) -> BadInput:
    return BadInput(what, where=str(reference), fix=fix)


def _reporter(progress: Progress, name: str, size: int) -> Any:
    """A stand-in for tqdm that tells our progress instead of printing."""
    from tqdm.auto import tqdm

    class Reporter(tqdm):  # type: ignore[misc]
        def __init__(self, *arguments: Any, **settings: Any) -> None:
            settings.pop("name", None)
            super().__init__(*arguments, **{**settings, "disable": True})
            self._done = int(settings.get("initial") or 0)

        def update(self, n: float | None = 1) -> bool | None:
            self._done += int(n or 0)
            progress(f"fetching {name}", self._done, size)
            return None

    return Reporter
