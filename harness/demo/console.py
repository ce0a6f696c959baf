"""The console of a demonstration that is served as a copy: whoever opens it may become an editor of that copy.

The demonstration's editor signs it, whose key anybody can make from its name. No other registry has such an editor.
"""

from __future__ import annotations

from harness.demo.registry import EDITOR, key
from harness.record import editor_keys
from harness.registry.actions.acts import Actor, act
from harness.registry.actions.editors import Change, allow_passkeys, changed
from harness.registry.store import Registry

_REASON = "a visitor of the demonstration"


def allow(registry: Registry, port: int) -> str:
    """Passkeys count at this machine's address from now on, which is given back. Browsers take a name alone, no number."""
    address = f"http://localhost:{port}"
    allow_passkeys(registry, _editor(), address, "localhost", "this copy is served here")
    return address


def enrol(registry: Registry, text: str) -> int:
    """Add the editor of this public text; the entry that says so. Raises `BadInput`."""
    newcomer = editor_keys.parse(text, "the new editor")
    document = changed(registry, Change(added=(newcomer,)))
    made = act(registry, _editor(), "editors-changed", "editors", reason=_REASON, detail={"editors": document})
    return made.entry.index


def _editor() -> Actor:
    return Actor(EDITOR, (key("editor"),))
