"""`repro keys`, and the keys that other commands sign with."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from harness.paths import keys_folder
from harness.terminal.keys import VARIABLE, secret
from harness.terminal.new_file import NewFile
from harness.terminal.registry_option import registry_option


@click.group()
def keys() -> None:
    """An operator's keys sign records; an editor's keys sign decisions at a registry."""


@keys.command()
@click.option(
    "--role",
    type=click.Choice(["operator", "editor"]),
    default="operator",
    show_default=True,
    help="Whose keys to make.",
)
@click.option("--handle", required=True, help="Your pseudonym: 2 to 32 of a-z, 0-9, dash and underscore.")
@click.option(
    "--passphrase", is_flag=True, help=f"Protect the keys with a passphrase; asks for it, or reads ${VARIABLE}."
)
def new(role: str, handle: str, passphrase: bool) -> None:
    """Make the keys of your handle and of this machine.

    Keys that exist are never overwritten.
    """
    from harness.errors import BadInput
    from harness.record import editor_keys, keys
    from harness.terminal.console import err, out

    secret = None
    if passphrase:
        if VARIABLE not in os.environ and not sys.stdin.isatty():
            raise BadInput("there is no terminal to ask for a passphrase", where="--passphrase", fix=f"set {VARIABLE}")
        secret = os.environ.get(VARIABLE) or click.prompt(
            "passphrase", hide_input=True, confirmation_prompt=True, err=True
        )
    if role == "editor":
        out().print(editor_keys.create(keys_folder(), handle, secret).to_json(), markup=False)
    else:
        out().print(keys.create(keys_folder(), handle, secret).to_json(), markup=False)
    err().print(
        f"The private keys are in {keys_folder()}: keep a copy where only you can read it; a lost key is a lost handle.",
        markup=False,
    )


@keys.command()
@click.option(
    "--role",
    type=click.Choice(["operator", "editor"]),
    help="Whose keys to show; default: the operator's, else the editor's.",
)
def show(role: str | None) -> None:
    """Print the public keys, which you may give to anybody."""
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


@keys.command()
@click.option(
    "--role",
    type=click.Choice(["operator", "editor"]),
    default="operator",
    show_default=True,
    help="Whose key to replace. An editor's is replaced at a registry and in the files together.",
)
@click.option("--reason", default="", help="Why; public in the log. An editor's needs it.")
@click.option(
    "--out",
    "file",
    type=NewFile(),
    help="Write the change of the list of editors to this file, for other editors to sign.",
)
@registry_option
def rotate(role: str, reason: str, file: Path | None, target: str | None) -> None:
    """Replace your key by the next one that it announced.

    An operator then tells each registry: repro operator rotate. An editor's command changes the list of --registry and swaps the
    files; where others must sign, run it again once the change is applied, and with each other registry. Old keys stay beside.
    """
    from harness.record import keys
    from harness.terminal.console import out

    if role == "editor":
        out().print(_editors_key(target, reason, file), markup=False, soft_wrap=True)
        return
    place = keys_folder()
    out().print(keys.rotate(place, secret(place / keys.OPERATOR, "operator's")).to_json(), markup=False)


def _editors_key(target: str | None, reason: str, file: Path | None) -> str:
    from harness.errors import BadInput
    from harness.extras import needs
    from harness.terminal.editor_rotation import rotated
    from harness.terminal.registry_option import open_for_writing

    needs("registry", "keys rotate --role editor")
    if not reason.strip():
        raise BadInput("an editor's act needs a reason", where="--reason", fix="give --reason TEXT")
    return rotated(open_for_writing(target), reason, file)
