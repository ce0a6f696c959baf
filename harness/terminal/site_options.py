"""What commands that build a site ask and say alike."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from harness.site.build import Built, Wish


def _address(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    """As it was given. Raises `BadInput` for what no page can begin with."""
    from urllib.parse import urlsplit

    from harness.errors import BadInput

    if value is None:
        return None
    try:
        parts = urlsplit(value)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
        good = good and value.isascii() and value.isprintable() and " " not in value and "@" not in parts.netloc
    except ValueError:
        good = False
    if not good:
        raise BadInput(f"{value!r:.80} must be an address", where="--base-url", fix="begin it with https://")
    return value


base_url_option = click.option(
    "--base-url",
    metavar="URL",
    callback=_address,
    help="Public address of the site; default: https:// and the registry's name.",
)


def told_of(made: Built) -> str:
    """A build in a line."""
    from harness import units

    return f"{units.count(made.rows, 'benchmark')}, {made.made} updated, {units.count(made.files, 'file')} written"


def wish_of(
    target: str | None, out: Path, policy: str | None, as_of: str | None, base_url: str | None, *, png: bool
) -> Wish:
    """What was asked for. Raises `BadInput`, for a registry that forgot history, too."""
    from harness.extras import needs
    from harness.site.build import Wish
    from harness.terminal.days import day_of
    from harness.terminal.registry_option import open_public

    if png:
        needs("png", "--png")
    found = open_public(target)  # a registry that forgot history is refused
    found.close()
    return Wish(found.target, out, day_of(as_of), policy, base_url, png)
