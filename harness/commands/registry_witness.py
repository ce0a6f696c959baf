"""`repro registry witness`: sign the checkpoints of logs that only grow."""

from __future__ import annotations

from pathlib import Path

import click

from harness.paths import witness_folder


@click.command()
@click.argument("urls", metavar="[URL]...", nargs=-1)
@click.option("--log", "vkeys", multiple=True, metavar="KEY", help="Verifier key of another log (C2SP); repeatable.")
@click.option("--name", metavar="NAME", help="Permanent name of a new witness, such as witness.example.org/w1.")
@click.option(
    "--state",
    "folder",
    type=click.Path(path_type=Path),
    help="Folder of its key and of what it signed; default: in the user's configuration.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8100,
    show_default=True,
    metavar="PORT",
    help="Port to listen on; 0: any free one.",
)
def witness(urls: tuple[str, ...], vkeys: tuple[str, ...], name: str | None, folder: Path | None, port: int) -> None:
    """Run a witness, which signs checkpoints of logs that only grow.

    URL is a registry's service. Checks that each checkpoint is signed by the log and continues the one that it signed last,
    and answers with a cosignature (C2SP tlog-witness). Listens on http://127.0.0.1: put a proxy with TLS before it, and tell the
    registry's editors its address and key. Ctrl-C ends it. Never bring back an older copy of its folder: make a new witness.
    """
    from harness.extras import needs

    needs("service", "registry witness")
    from harness.service.server import bound, listen
    from harness.service.witness.app import app_of
    from harness.service.witness.state import opened
    from harness.terminal.console import out
    from harness.terminal.witnessing import describe, know

    with opened(folder or witness_folder(), name) as found, bound(port) as own:
        know(found, urls, vkeys)
        out().print(describe(found), markup=False, soft_wrap=True)
        listen(app_of(found), own, lambda address: out().print(f"{address} (Ctrl-C ends)", markup=False))
