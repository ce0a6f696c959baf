"""`repro serve`."""

from __future__ import annotations

from pathlib import Path

import click

from harness.terminal.registry_option import registry_option


@click.command()
@registry_option
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8000,
    show_default=True,
    metavar="PORT",
    help="Port to listen on; 0: any free one.",
)
@click.option(
    "--site",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Build the site in this folder, keep it up to date, and serve it, too.",
)
def serve(target: str | None, port: int, site: Path | None) -> None:
    """Listens on http://127.0.0.1: put a proxy with TLS before it. Run it where the registry's key is kept. Ctrl-C ends it.

    Of an exported demonstration a copy is served, which forgets at its end what it took.
    """
    from harness.service.core import Service, Settings
    from harness.service.server import bound, run
    from harness.terminal.console import out
    from harness.terminal.serving import kept_site, opened

    with opened(target) as (registry, key), bound(port) as own, kept_site(registry, site) as folder:
        service = Service(registry, key, Settings(site=folder))
        run(service, own, lambda address: out().print(f"{address} (Ctrl-C ends)", markup=False))
