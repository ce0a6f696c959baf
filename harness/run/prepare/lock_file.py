"""A lock in pip's format: its requirements, their versions and their hashes. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
_PIN = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)==([A-Za-z0-9.+!]+)(?: ;[^\\]*)?(?=\s)")
# All that a resolution may hold: exact pins with digests. An option, an address or a file would bring other bytes.
_BLOCK = re.compile(r"[a-z0-9][a-z0-9-]*==[a-z0-9][a-z0-9.+!]*(?: \\\n {4}--hash=sha256:[0-9a-f]{64})+\n")


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


def pins(lock: str) -> list[tuple[str, str]]:
    """Name and `name==version`, with its marker, of each requirement: what a constraint may say, without hashes."""
    found = []
    for name, block in blocks(lock):
        pin = _PIN.match(block + "\n")
        if pin is not None:
            found.append((name, pin[0].strip()))
    return found


def version_of(lock: str, name: str) -> str:
    """The version that a lock pins of a distribution, its local part included; "" where it does not."""
    pin = _PIN.match(dict(blocks(lock)).get(name, "") + "\n")
    return "" if pin is None else pin[2]


def local_part(version: str) -> str:
    """`+cpu` of `2.13.0+cpu`."""
    return version[version.index("+") :] if "+" in version else ""


def written(pinned: Iterable[tuple[str, str, str]]) -> str:
    """The lock of (name, version, sha256), in one form alone: who resolves to the same files writes the same bytes."""
    return "".join(
        f"{name}=={version} \\\n    --hash=sha256:{digest}\n" for name, version, digest in sorted(set(pinned))
    )


def is_plain(lock: str) -> bool:
    """Whether it is a sequence of exact pins with hashes, as `written` writes them, and nothing else."""
    return bool(lock) and _BLOCK.sub("", lock) == ""
