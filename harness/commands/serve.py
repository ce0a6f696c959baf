"""`repro serve`."""

from __future__ import annotations

import os
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.terminal.registry_option import registry_option
from harness.terminal.site_options import base_url_option

if TYPE_CHECKING:
    from harness.service.core import Service


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
@base_url_option
@click.option(
    "--private-witness",
    "private_witnesses",
    multiple=True,
    metavar="NAME",
    help="Witness that may be on this machine or its network, without TLS; repeatable.",
)
def serve(
    target: str | None, port: int, site: Path | None, base_url: str | None, private_witnesses: tuple[str, ...]
) -> None:
    """Listens on http://127.0.0.1: put a proxy with TLS before it. Run it where the registry's key is kept. Ctrl-C ends it.

    Of an exported demonstration a copy is served, which forgets at its end what it took.
    """
    from harness.terminal.serving import begun, builder, kept_site, key_again, opened, visitors_editors

    with ExitStack() as stack:
        ahead = stack.enter_context(begun(target))
        from harness.service.core import Service, Settings
        from harness.service.server import bound, run
        from harness.service.telemetry import wanted
        from harness.terminal.console import out

        telemetry = wanted(os.environ)
        # Two processes that load at once are enough for a small machine: the site's waits for the copy of a demonstration.
        keeper = stack.enter_context(builder(site, at_once=ahead is None or ahead.process is None))
        registry, key = stack.enter_context(opened(target, ahead))
        own = stack.enter_context(bound(port))
        enrol = visitors_editors(target, registry, own.getsockname()[1])
        again = key_again(registry)
        pages = base_url.rstrip("/") if base_url else None if site is None else ""
        settings = Settings(site, pages, own_key=again, private_witnesses=private_witnesses, enrol=enrol)
        service = Service(registry, key, settings)
        with kept_site(service, keeper, base_url):
            told = f" (Ctrl-C ends){_console(service)}"
            run(service, own, lambda address: out().print(f"{address}{told}", markup=False), telemetry)


def _console(service: Service) -> str:
    """Where editors sign in, on a line of its own; "" where passkeys count nowhere yet."""
    from harness.registry.actions.passkeys import allowed

    found = allowed(service.registry)
    return "" if found is None else f"\n{found.web_origin}/console/ (for editors)"
