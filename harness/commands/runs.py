"""`repro runs [FOLDER]`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("results"))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def runs(folder: Path, as_json: bool) -> None:
    """FOLDER is `results` by default. A record that cannot be read is named on standard error."""
    from harness.errors import BadInput
    from harness.record.store import below, read
    from harness.terminal.console import err, escape, print_json
    from harness.terminal.progress import shown
    from harness.terminal.runs import line_of, print_runs
    from harness.verify.reading import check, well_formed

    found, places = [], below(folder)
    with shown(lines=False) as progress:
        for done, path in enumerate(places, 1):
            try:
                with well_formed(str(path)):
                    found.append(line_of(check(read(path))))
            except BadInput as error:
                err().print(str(error), markup=False)
            progress.advance("verifying records", done, len(places))
    found.sort(key=lambda one: (one["started_utc"], one["id"]), reverse=True)
    if as_json:
        print_json(found)
    elif found:
        print_runs(found)
    else:
        err().print(escape(f"no record can be read below {folder}"))
