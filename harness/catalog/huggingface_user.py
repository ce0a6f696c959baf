"""What the user's own Hugging Face set-up has: its cache, read only, and the token."""

from __future__ import annotations

import os
from hashlib import sha1
from pathlib import Path

from harness.catalog.huggingface_cache import folder_name
from harness.files import read_if_there
from harness.paths import below_home

_TOKEN_LIMIT = 4096
_BLOCK = 4 << 20


def home() -> Path:
    """`$HF_HOME`, or `huggingface` in the user's caches."""
    named = os.environ.get("HF_HOME", "")
    return Path(named).expanduser() if named else below_home("XDG_CACHE_HOME", ".cache") / "huggingface"


def cache() -> Path:
    """Where its library keeps what it fetched: `$HF_HUB_CACHE`, `$HUGGINGFACE_HUB_CACHE`, or `hub` in its home."""
    named = os.environ.get("HF_HUB_CACHE", "") or os.environ.get("HUGGINGFACE_HUB_CACHE", "")
    return Path(named).expanduser() if named else home() / "hub"


def token() -> str | None:
    """`$HF_TOKEN`, or what `hf auth login` wrote (`$HF_TOKEN_PATH`, `token` in its home); None without one."""
    for variable in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"):
        if told := os.environ.get(variable, "").strip():
            return told
    named = os.environ.get("HF_TOKEN_PATH", "")
    data = read_if_there(Path(named).expanduser() if named else home() / "token", _TOKEN_LIMIT, "the token")
    return (data or b"").decode("ascii", "ignore").strip() or None


def snapshot(repo: str, commit: str) -> Path:
    """Where its cache has a repository at a commit, if it does."""
    return cache() / folder_name(repo) / "snapshots" / commit


def commit_of(repo: str, revision: str) -> str | None:
    """The commit that its cache last knew for a branch or tag."""
    path = cache() / folder_name(repo) / "refs" / revision
    data = read_if_there(path, 100, "the cache's reference") if path.is_file() else None
    return (data or b"").decode("ascii", "ignore").strip() or None


def blob_id(path: Path) -> str:
    """Git's digest of a file: sha1 over its length and content."""
    total = sha1(f"blob {path.stat().st_size}\0".encode(), usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            total.update(block)
    return total.hexdigest()
