"""What commands that build a site ask and say alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.site.build import Built, Wish

base_url_option = click.option(
    "--base-url", metavar="URL", help="Public address of the site; default: https:// and the registry's name."
)


def told_of(made: Built) -> str:
    """A build in a line."""
    from harness import units

    return f"{units.count(made.rows, 'benchmark')}, {made.made} updated, {units.count(made.files, 'file')} written"


def wish_of(
    target: str | None, out: Path, policy: str | None, as_of: str | None, base_url: str | None, *, png: bool
) -> Wish:
    """What was asked for. Raises `BadInput`, for a registry that forgot history, too."""
    from harness.errors import BadInput
    from harness.extras import needs
    from harness.site.build import Wish
    from harness.terminal.days import day_of
    from harness.terminal.registry_option import open_public

    if base_url is not None and not base_url.startswith(("http://", "https://")):
        raise BadInput(f"{base_url!r:.80} must be an address", where="--base-url", fix="begin it with https://")
    if png:
        needs("png", "--png")
    found = open_public(target)  # a registry that forgot history is refused
    found.close()
    return Wish(found.target, out, day_of(as_of), policy, base_url, png)
