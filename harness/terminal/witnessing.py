"""The logs that a witness signs for: a registry behind a URL, which is asked for its key, or any log by its verifier key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.service.witness.state import Witness


def know(witness: Witness, urls: Sequence[str], vkeys: Sequence[str]) -> None:
    """Let the witness sign for these logs, too. Raises `BadInput`: not reached, malformed, or another key than it knows."""
    from harness.registry.remote.log_key import told_key
    from harness.tlog.checkpoint import parse_vkey

    places: dict[str, str] = {}

    def look(url: str) -> str:
        found = told_key(url)
        witness.know(found.origin, found.vkey, found.follows)
        return found.origin

    for url in urls:
        places[look(url)] = url

    def look_again(origin: str) -> None:
        if origin in places:
            look(places[origin])

    witness.look_again = look_again
    for vkey in vkeys:
        origin, _ = parse_vkey(vkey, "--log")
        witness.know(origin, vkey, lambda _old, _new: False)


def describe(witness: Witness) -> str:
    """Its key, and the logs that it signs for, as a person reads it."""
    logs = "\n".join(
        f"  {one.origin}, " + (f"signed up to entry {one.size - 1}" if one.size else "nothing signed yet")
        for one in witness.logs.values()
    )
    return f"{witness.name} signs for\n{logs}\nits key, for readers and for each registry's editors:\n  {witness.vkey}"
