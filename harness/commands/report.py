"""`repro report RECORD…`."""

from __future__ import annotations

from pathlib import Path

import click

from harness.terminal.new_file import OUTPUT, NewFile


@click.command()
@click.argument("records", nargs=-1, required=True, metavar="RECORD...", type=click.Path(path_type=Path))
@click.option(
    "--out",
    type=NewFile(or_output=True),
    metavar="FILE.html",
    help="Where to write it, - for standard output; default: report.html beside the record, of several repro-report.html here.",
)
@click.option("--open", "open_it", is_flag=True, help="Open it in the browser.")
@click.option(
    "--png",
    "picture",
    type=NewFile(),
    metavar="FILE.png",
    help="Also write its leading drawings as a picture; needs repro-harness[png].",
)
def report(records: tuple[Path, ...], out: Path | None, open_it: bool, picture: Path | None) -> None:
    """One HTML file that asks the network for nothing and runs no script. Of one record: results, curves, distributions, checks.
    Of several: ratios with verdicts; where they differ in settings alone, the sweep.

    RECORD may be a folder that holds records; one in it that can't be read is named on standard error and left out. A false
    record is shown as false, a failed run as failed, and neither is compared.
    """
    from harness.errors import BadInput
    from harness.reports import files
    from harness.reports.document import report as report_of
    from harness.terminal.console import err
    from harness.terminal.progress import shown

    if out == OUTPUT and open_it:
        raise BadInput("must be a file, to be opened", where="--out -", fix="name one, or leave --open away")
    unread: list[BadInput] = []
    with shown(lines=out != OUTPUT) as progress:
        found = files.read(records, progress, unread)
    for error in unread:
        err().print(str(error), markup=False)
    page = None if out == OUTPUT else files.target(found, out)
    files.refuse(page, picture)
    made = report_of(found)
    files.write(made, page, picture)
    _tell(page, picture, made.html)
    if open_it and not (page and files.opened(page)):
        err().print("no browser could be opened here: open the file yourself", markup=False)


def _tell(page: Path | None, picture: Path | None, html: bytes) -> None:
    """The names of the files; the page itself where it has none."""
    from harness.terminal import console

    if page is None:
        click.echo(html, nl=False)
    told = console.err() if page is None else console.out()
    for path in filter(None, (page, picture)):
        told.print(str(path), markup=False, soft_wrap=True)
