"""What `repro registry key` does with the files of a registry's key, and says of it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.registry.actions.acts import Actor
    from harness.registry.store import Registry


def announced(registry: Registry, actor: Actor, digest: str, reason: str, file: Path | None) -> str:
    """Announce it, or write the proposal; a line that says which. Raises why it may not be."""
    from harness.files import write_bytes
    from harness.registry.actions import editors, log_key

    if file is not None:
        write_bytes(
            file, editors.propose(registry, actor, log_key.ANNOUNCED, *log_key.announcement(registry, digest), reason)
        )
        return f"{file}: the next key {digest[:12]}, signed by {actor.handle}"
    return f"the next key {digest[:12]} is announced, entry {log_key.announce(registry, actor, digest, reason)}"


def rotated(target: str | None) -> str:
    """Let the next key take over, in the log and then in the files; a line that says so. Raises why it may not be."""
    from harness.errors import BadInput
    from harness.paths import keys_folder
    from harness.record import registry_keys
    from harness.registry.actions import log_key
    from harness.registry.queries.key_changes import present
    from harness.terminal.registry_option import open_for_writing

    registry, place = open_for_writing(target), keys_folder()
    if registry.elsewhere:
        raise BadInput("works only where the registry is kept", where="--registry", fix="name its folder or database")
    with registry.reading() as reader:
        now = present(reader)
    if registry_keys.took_over(place, now.origin, now.key):  # an earlier try ended between log and files
        return f"{now.vkey}\nit took over already"
    following = registry_keys.following(place, now.origin, make=False)
    try:
        own = [registry_keys.in_force(place, now.origin, now.key)]
    except BadInput:
        own = []  # lost, or kept elsewhere: then the log must hold what it signed
    entry = log_key.rotate(registry, own, following)
    registry_keys.take_over(place, now.origin)
    with registry.reading() as reader:
        return f"{present(reader).vkey}\nsigns from entry {entry} on"
