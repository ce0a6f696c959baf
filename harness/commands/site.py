"""`repro site build`, `repro site serve`."""

from __future__ import annotations

from pathlib import Path

import click

from harness.terminal.registry_option import registry_option
from harness.terminal.site_options import base_url_option, told_of, wish_of


@click.group()
def site() -> None:
    """The site is static: files for any web server."""


_OUT = click.option(
    "--out", type=click.Path(path_type=Path), default=Path("site"), show_default=True, help="Folder of the site."
)
_POLICY = click.option("--policy", help="Apply this policy instead of the registry's.")
_AS_OF = click.option("--as-of", "as_of", metavar="YYYY-MM-DD", help="Score as on this day; default: today.")
_PNG = click.option("--png", is_flag=True, help="Also draw each network diagram as PNG; needs repro-harness[png].")


@site.command()
@registry_option
@_OUT
@_POLICY
@_AS_OF
@base_url_option
@_PNG
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def build(
    target: str | None, out: Path, policy: str | None, as_of: str | None, base_url: str | None, png: bool, as_json: bool
) -> None:
    """Build the site, or update it.

    Every page is made before any is replaced: after an error the old site is as it was.
    """
    from dataclasses import asdict

    from harness.site.build import build as make
    from harness.terminal.console import out as console
    from harness.terminal.console import print_json
    from harness.terminal.progress import shown
    from harness.terminal.registry_option import say

    with shown() as progress:
        made = make(wish_of(target, out, policy, as_of, base_url, png=png), progress)
    say(made.left_out)
    if as_json:
        print_json(asdict(made))
        return
    console().print(
        f"{told_of(made)}, {made.removed} removed: {out / 'index.html'}",
        markup=False,
    )


@site.command()
@registry_option
@_OUT
@_POLICY
@_AS_OF
@base_url_option
@_PNG
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    metavar="PORT",
    help="Port to listen on; 0: any free one.",
)
def serve(
    target: str | None, out: Path, policy: str | None, as_of: str | None, base_url: str | None, png: bool, port: int
) -> None:
    """Serve the site on this machine, updated as it changes.

    Listens on http://127.0.0.1 and builds again when the registry changes. Ctrl-C stops it.
    """
    from harness.errors import ReproError
    from harness.site.build import Built
    from harness.site.serve import serve as run
    from harness.terminal.console import err
    from harness.terminal.console import out as console
    from harness.terminal.progress import shown
    from harness.terminal.registry_option import say

    progress = shown()

    def told(made: Built | ReproError) -> None:
        progress.clear()
        if isinstance(made, Built):
            say(made.left_out)
            console().print(told_of(made), markup=False)
        else:
            err().print(f"not built: {made}", markup=False)

    wish = wish_of(target, out, policy, as_of, base_url, png=png)
    with progress:
        run(wish, port, told, lambda address: console().print(f"{address} (Ctrl-C ends)", markup=False), progress)
