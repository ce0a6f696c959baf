"""The witnesses of a registry, and how far each has signed."""

from __future__ import annotations

from dataclasses import dataclass

from harness.registry.db import cosignatures
from harness.registry.db.reader import Reader
from harness.registry.facts import WitnessFact
from harness.tlog import cosignature


@dataclass(frozen=True, slots=True)
class Listed:
    """One that is asked, or was. `signed`: entries below the newest checkpoint that it signed; 0: none is here."""

    name: str
    url: str
    key: str
    removed: bool
    signed: int


def listing(reader: Reader) -> list[Listed]:
    """All of them, by name. Raises `RecordInvalid` where the database holds other things."""
    newest = cosignatures.newest(reader)
    found = []
    for name, one in sorted(reader.all(WitnessFact).items()):
        mark = f"{name}+{cosignature.parse_vkey(one.key, name).hash.hex()}"
        found.append(Listed(name, one.url, one.key, one.removed, newest.get(mark, 0)))
    return found
