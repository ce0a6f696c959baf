"""`repro registry publish`, `repro registry prove`."""

from __future__ import annotations

from pathlib import Path

import click

from harness.terminal.new_file import OUTPUT, NewFile
from harness.terminal.registry_option import registry_option
from harness.terminal.site_options import base_url_option, told_of, wish_of


@click.command()
@registry_option
@click.option(
    "--site", type=click.Path(path_type=Path), default=Path("site"), show_default=True, help="Folder of the site."
)
@base_url_option
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def publish(target: str | None, site: Path, base_url: str | None, as_json: bool) -> None:
    """Bring the public site up to date, in one step.

    Who reads the folder meanwhile sees all of the old site, then all of the new one. Waits while another process builds it. repro
    serve --site does the same after each change.
    """
    from dataclasses import asdict

    from harness.site.job import publish as run
    from harness.terminal.console import out, print_json
    from harness.terminal.progress import shown
    from harness.terminal.registry_option import say

    wish = wish_of(target, site, None, None, base_url, png=False)
    with shown() as progress:
        made = run(wish, progress)
    say(made.left_out)
    if as_json:
        print_json(asdict(made))
        return
    out().print(f"{told_of(made)}, {made.removed} removed: {site / 'index.html'}", markup=False)


@click.command()
@click.argument("record")
@click.option("--out", "file", type=NewFile(or_output=True), default=OUTPUT, help="Write the proof to this file.")
@registry_option
def prove(record: str, file: Path, target: str | None) -> None:
    """Print the proof that a record is in the log.

    RECORD is a record's folder, or the beginning of its id. The proof is a receipt: repro verify RECORD --proof FILE checks it
    without asking anybody.
    """
    from harness.files import write_bytes
    from harness.terminal.console import out
    from harness.terminal.receipt import proof

    found = proof(target, record)
    if file == OUTPUT:
        click.echo(found.decode(), nl=False)
        return
    write_bytes(file, found)
    out().print(f"{file}: repro verify {record} --proof {file}", markup=False)
