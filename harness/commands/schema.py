"""`repro schema`."""

from __future__ import annotations

from pathlib import Path

import click

from harness.terminal.new_file import OUTPUT, NewFile


@click.command()
@click.argument("name", default="record")
@click.option(
    "--out", "target", type=NewFile(or_output=True), default=OUTPUT, help="File to write; default: standard output."
)
@click.option(
    "--all", "folder", type=click.Path(path_type=Path), help="Folder to write every schema to, as NAME-v1.json."
)
@click.option("--list", "listed", is_flag=True, help="Print the names.")
def schema(name: str, target: Path, folder: Path | None, listed: bool) -> None:
    """NAME is `record` (the predicate of a record's signed statement) unless given: a document or table of the site, a kind of
    event, a frame, a command's JSON. Draft 2020-12.
    """
    from harness.errors import NotFound
    from harness.files import write_text
    from harness.site.api.schemas import text
    from harness.terminal.outputs import every_schema

    known = every_schema()
    if listed:
        click.echo("\n".join(sorted(known)))
        return
    if name not in known:
        raise NotFound("there is no such schema", where=name, fix="names: repro schema --list")
    if folder is None and target == OUTPUT:
        click.echo(text(known[name]), nl=False)
        return
    wanted = {} if folder is None else {folder / f"{one}-v1.json": known[one] for one in known}
    for path, document in (wanted | ({target: known[name]} if target != OUTPUT else {})).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, text(document))
