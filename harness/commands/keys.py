"""`repro keys`, and the keys that other commands sign with."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.record.places import keys_folder

if TYPE_CHECKING:
    from harness.record.editor_keys import EditorSigners
    from harness.record.keys import Signers
    from harness.registry.actions.introduction import Link

VARIABLE = "REPRO_PASSPHRASE"


@click.group(help="Make, show and rotate the keys that sign your records.")
def keys() -> None:
    """Keys."""


@keys.command(help="Make an operator's keys, once: they stand for your handle and this machine.")
@click.option(
    "--role", type=click.Choice(["operator", "editor"]), default="operator", show_default=True, help="Whose keys."
)
@click.option("--handle", required=True, help="A pseudonym: 2 to 32 of a-z, 0-9, dash and underscore.")
@click.option(
    "--passphrase", is_flag=True, help=f"Ask for a passphrase; {VARIABLE} gives it where nobody can be asked."
)
def new(role: str, handle: str, passphrase: bool) -> None:
    """Never overwrites."""
    from harness.errors import BadInput
    from harness.record import editor_keys, keys
    from harness.terminal.console import err, out

    secret = None
    if passphrase:
        if VARIABLE not in os.environ and not sys.stdin.isatty():
            raise BadInput("no terminal to ask for a passphrase at", where="--passphrase", fix=f"set {VARIABLE}")
        secret = os.environ.get(VARIABLE) or click.prompt(
            "passphrase", hide_input=True, confirmation_prompt=True, err=True
        )
    if role == "editor":
        out().print(editor_keys.create(keys_folder(), handle, secret).to_json(), markup=False)
    else:
        out().print(keys.create(keys_folder(), handle, secret).to_json(), markup=False)
    err().print(
        f"The private keys lie in {keys_folder()}: keep a copy where only you can read it; a lost key is a lost handle.",
        markup=False,
    )


@keys.command(help="Print the public part, which may be given to anybody.")
@click.option(
    "--role",
    type=click.Choice(["operator", "editor"]),
    help="Whose keys; default: those that are here, the operator's first.",
)
def show(role: str | None) -> None:
    """Handle, key, digest of the next one; of an operator the rig's key, too."""
    from harness.errors import BadInput
    from harness.record import editor_keys, keys
    from harness.terminal.console import err, out

    place = keys_folder()
    operator, editor = keys.public(place), editor_keys.public(place)
    found = {"operator": operator, "editor": editor}[role] if role else operator or editor
    if found is None:
        option = " --role editor" if role == "editor" else ""
        whose = f"no {role}'s keys" if role else "no keys"
        raise BadInput(f"there are {whose} yet", where=str(place), fix=f"run: repro keys new{option} --handle NAME")
    out().print(found.to_json(), markup=False)
    if role is None and operator is not None and editor is not None:
        err().print(f"The editor's keys of {editor.handle}: repro keys show --role editor", markup=False)


@keys.command(help="Let the announced next key take over; tell the hub with repro operator rotate.")
def rotate() -> None:
    """The keys of before stay in a folder beside."""
    from harness.record import keys
    from harness.terminal.console import out

    place = keys_folder()
    out().print(keys.rotate(place, secret(place / keys.OPERATOR, "operator's")).to_json(), markup=False)


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
