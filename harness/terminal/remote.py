"""A registry behind a URL, asked with the keys that are here; what is told of a receipt."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from harness.registry.remote.registry import Remote
    from harness.registry.store import Registry


def open_remote(place: str) -> Remote:
    """Raises `BadInput`."""
    from harness.registry.remote.registry import opened

    return opened(place, _signer)


@cache  # a passphrase is asked for once
def _signer(operator: bool) -> Ed25519PrivateKey | None:
    from harness.paths import keys_folder
    from harness.record import editor_keys
    from harness.terminal.keys import editor_keys as open_editor
    from harness.terminal.keys import open_keys

    if operator:
        found = open_keys()
        return None if found is None else found.operator
    return open_editor().key if editor_keys.public(keys_folder()) is not None else None


def tell_receipt(registry: Registry, subject: str, folder: Path) -> None:
    """Keep the receipt of a record beside it, and say on standard error where, and where its pages will be."""
    from harness.registry.remote.registry import Remote
    from harness.terminal.console import err

    if not isinstance(registry, Remote) or subject not in registry.answers:
        return
    console = err()
    kept = registry.keep_receipt(subject, folder)
    console.print(f"receipt: {kept} (repro verify RECORD --receipt {kept.name})", markup=False)
    for name, words in (("row_page", "once an editor approves it"), ("operator_page", "operator")):
        address = registry.page(name, subject)
        if address:
            console.print(f"{words}: {address}", markup=False)
