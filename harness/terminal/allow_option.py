"""What a matrix names beyond its engine, and the user names, too."""

from __future__ import annotations

import click

allow_option = click.option(
    "--allow-option",
    "allowed",
    multiple=True,
    metavar="NAME=VALUE",
    help="A setting of the matrix that names a program, a file or an address; without this it is refused.",
)
