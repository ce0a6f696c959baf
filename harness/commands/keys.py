"""`repro keys`, and the keys that other commands sign with."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.record.keys import Signers

VARIABLE = "REPRO_PASSPHRASE"


@click.group(help="Make and show the keys that sign your records.")
def keys() -> None:
    """Keys."""


@keys.command(help="Make an operator's keys, once: they stand for your handle and this machine.")
@click.option("--handle", required=True, help="A pseudonym: 2 to 32 of a-z, 0-9, dash and underscore.")
@click.option(
    "--passphrase", is_flag=True, help=f"Ask for a passphrase; {VARIABLE} gives it where nobody can be asked."
)
def new(handle: str, passphrase: bool) -> None:
    """Never overwrites."""
    from harness.commands.console import err, out
    from harness.record import keys

    secret = None
    if passphrase:
        secret = os.environ.get(VARIABLE) or click.prompt(
            "passphrase", hide_input=True, confirmation_prompt=True, err=True
        )
    made = keys.create(keys.folder(), handle, secret)
    out().print(made.to_json(), markup=False)
    err().print(
        f"The private keys lie in {keys.folder()}: keep a copy where only you can read it; a lost key is a lost handle.",
        markup=False,
    )


@keys.command(help="Print the public part, which may be given to anybody.")
def show() -> None:
    """Handle, operator key, digest of the next one, rig key."""
    from harness.commands.console import out
    from harness.errors import BadInput
    from harness.record import keys

    found = keys.public(keys.folder())
    if found is None:
        raise BadInput("there are no keys yet", where=str(keys.folder()), fix="run: repro keys new --handle NAME")
    out().print(found.to_json(), markup=False)


def open_keys() -> Signers | None:
    """The keys to sign with, opened before anything long begins; None where no keys were made."""
    from harness.errors import BadInput
    from harness.record import keys

    place = keys.folder()
    secret = os.environ.get(VARIABLE)
    if secret is None and keys.locked(place):
        if not sys.stdin.isatty():
            raise BadInput("the operator's key asks for a passphrase", where=str(place), fix=f"set {VARIABLE}")
        secret = click.prompt("passphrase of the operator's key", hide_input=True, err=True)
    return keys.unlock(place, secret if keys.locked(place) else None)
