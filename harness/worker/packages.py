"""What an interpreter has installed: version, and the digest of what the package's index shipped. Standard library only.

Nothing of the digest is of this machine (docs/decisions/0034): scripts hold the path of their environment, a wheel that was
compiled here is hardly ever made twice. So two records, under whatever names, are not tied by it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable
from email import message_from_string
from hashlib import sha256
from importlib.metadata import Distribution, distributions

_MADE_HERE = ("/INSTALLER", "/REQUESTED", "/RECORD", "/direct_url.json", "/RECORD.jws", "/RECORD.p7s", "/uv_cache.json")

_HEADS = ("METADATA", "PKG-INFO", "")  # of a wheel, of an egg, of an egg that is one file


def packages() -> dict[str, str]:
    """Every distribution that this interpreter sees: name → version and, of what an index shipped, `sha256:` of its files."""
    found = {}
    for item in distributions():
        told = next(filter(None, map(item.read_text, _HEADS)), "")
        head = message_from_string(told.partition("\n\n")[0])  # what follows it is the package's long description
        if head["Name"]:
            found[head["Name"].lower()] = f"{head['Version']}{_shipped(item)}"
    return dict(sorted(found.items()))


def _shipped(item: Distribution) -> str:
    record, wheel = item.read_text("RECORD"), item.read_text("WHEEL")
    if not record or not wheel or item.read_text("direct_url.json") is not None or built_here(wheel.splitlines()):
        return ""
    return f" sha256:{sha256(file_list(record).encode()).hexdigest()}"


def built_here(wheel: Iterable[str]) -> bool:
    """Whether a wheel's tags are those of a build for one system alone, which PyPI takes from nobody (PEP 513)."""
    tags = [line.partition(":")[2].strip() for line in wheel if line.startswith("Tag:")]
    return not tags or any(tag.rpartition("-")[2].startswith("linux_") for tag in tags)


def file_list(record: str) -> str:
    """The lines of a RECORD that came with the wheel, in order: no script, no bytecode, nothing that the installer added."""
    # Half of them are bytecode that was made here: no need to take them apart.
    own = (line for line in record.splitlines() if not line.endswith(".pyc,,"))
    lines = [line for line in csv.reader(own) if len(line) == 3]
    kept = [
        ",".join(line)
        for line in lines
        if not line[0].startswith(("..", "/")) and not line[0].endswith((".pyc", *_MADE_HERE))
    ]
    return "\n".join(sorted(kept))
