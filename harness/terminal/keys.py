"""The keys of whoever sits at the terminal, with the passphrase that it is asked for."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.paths import keys_folder

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from harness.record.editor_keys import EditorSigners
    from harness.record.keys import Signers
    from harness.registry.actions.acts import Actor, Item
    from harness.registry.actions.introduction import Link
    from harness.registry.store import Registry

VARIABLE = "REPRO_PASSPHRASE"


def secret(path: Path, whose: str) -> str | None:
    """The passphrase of a key's file; None where it has none. Raises `BadInput` where it can't be asked for."""
    from harness.errors import BadInput
    from harness.record import keys

    if not keys.locked(path):
        return None
    found = os.environ.get(VARIABLE)
    if found is None:
        if not sys.stdin.isatty():
            raise BadInput(f"the {whose} key asks for a passphrase", where=str(path), fix=f"set {VARIABLE}")
        found = str(click.prompt(f"passphrase of the {whose} key", hide_input=True, err=True))
    return found


def open_keys() -> Signers | None:
    """The keys to sign with, opened before anything long begins; None where no keys were made."""
    from harness.record import keys

    place = keys_folder()
    return keys.unlock(place, secret(place / keys.OPERATOR, "operator's"))


def chain() -> list[Link]:
    """The operator's keys, oldest first: those that were rotated out lie in folders beside. Raises `BadInput`."""
    from harness.record import key_chain, keys
    from harness.registry.actions.introduction import Link

    found = []
    for folder in key_chain.folders(keys_folder()):
        public = keys.public(folder)
        if public is not None:
            path = folder / keys.OPERATOR
            found.append(Link(keys.load(path, secret(path, "operator's")), public.next_key_sha256))
    return found


def operator_keys() -> Signers:
    """As `open_keys`. Raises `BadInput` where no keys were made."""
    from harness.errors import BadInput

    found = open_keys()
    if found is None:
        raise BadInput("there are no keys yet", where=str(keys_folder()), fix="run: repro keys new --handle NAME")
    return found


def editor_keys() -> EditorSigners:
    """An editor's open keys. Raises `BadInput` where none were made."""
    from harness.record import editor_keys as roles

    place = keys_folder()
    return roles.unlock(place, secret(place / roles.EDITOR, "editor's"))


def key_of(registry: Registry) -> Ed25519PrivateKey:
    """The registry's own key. Raises `BadInput` where it is not on this machine."""
    from harness.record.registry_keys import in_force
    from harness.registry.queries.key_changes import present

    with registry.reading() as reader:
        found = present(reader)
    return in_force(keys_folder(), found.origin, found.key)


def introduced(registry: Registry, actor: Actor) -> list[Item]:
    """The events that make the operator known to the registry, before the first act there; none where it is known.

    Raises `BadInput` where the registry knows the handle by another key.
    """
    from harness.record import editor_keys as roles
    from harness.registry.actions import introduction
    from harness.registry.facts import EditorsFact, OperatorFact

    with registry.reading() as reader:
        editors = reader.need(EditorsFact).editors
        known = reader.get(OperatorFact, actor.handle)
        editor = None
        if known is None and actor.handle in editors and roles.public(keys_folder()) is not None:
            editor = editor_keys().key
        return introduction.introduced(reader, actor.handle, chain(), editor)


def with_operators_key(actor: Actor) -> Actor:
    """With the operator's key, too, where the same person is an operator under the same handle."""
    from harness.registry.actions.acts import Actor

    own = open_keys()
    if own is None or own.public.handle != actor.handle:
        return actor
    return Actor(actor.handle, (*actor.keys, own.operator))
