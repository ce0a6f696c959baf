"""`repro show RECORD`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(help="Show a record: results, distributions, checks and findings.")
@click.argument("record", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the record itself.")
def show(record: Path, as_json: bool) -> None:
    """Print a record for people or programs."""
    from harness.commands.console import out, print_json
    from harness.commands.report import report
    from harness.record.store import read

    stored = read(record)
    if as_json:
        print_json({"id": stored.id, **stored.record.model_dump(mode="json")})
        return
    report(out(), stored)
