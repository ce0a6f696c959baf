"""`--out`, of every act of editors that others may have to sign first."""

from __future__ import annotations

from pathlib import Path

import click

proposal_option = click.option(
    "--out",
    "file",
    type=click.Path(path_type=Path),
    help="Write a proposal to this file instead, for other editors to sign.",
)
