"""The program itself, as a digest: what it made can be kept for as long as it is the same."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib import resources


@cache
def digest() -> str:
    """Of all its files, templates and styles included."""
    found = sha256()
    waiting = [resources.files("harness")]
    while waiting:
        one = waiting.pop()
        if one.is_dir():
            waiting += sorted((i for i in one.iterdir() if i.name != "__pycache__"), key=lambda inner: inner.name)
        else:
            found.update(one.name.encode() + b"\0" + one.read_bytes())
    return found.hexdigest()
