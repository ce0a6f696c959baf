"""A lock in pip's format: its requirements and their hashes."""

from __future__ import annotations

import re

_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


def blocks(lock: str) -> list[tuple[str, str]]:
    """Each requirement of a lock with its hashes, by name."""
    found: list[tuple[str, str]] = []
    for line in lock.splitlines(keepends=True):
        if line.startswith((" ", "\t")) and found:
            found[-1] = (found[-1][0], found[-1][1] + line)
        elif line.strip() and not line.startswith("#"):
            found.append((re.split(r"[=<>!~ ;\[]", line, maxsplit=1)[0].lower(), line))
    return found


def hashes(block: str) -> list[str]:
    """The sha256 digests that a requirement's block allows."""
    return _HASH.findall(block)
