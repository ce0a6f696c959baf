"""`repro verify RECORD`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("record", type=click.Path(path_type=Path))
@click.option(
    "--keys",
    "keys_file",
    type=click.Path(path_type=Path),
    help="Operator's public file (repro keys show); default: the keys that the record names.",
)
def verify(record: Path, keys_file: Path | None) -> None:
    """Exit status 2 with the first fault that is found."""
    from harness.record.store import read
    from harness.terminal.console import out
    from harness.verify.reading import well_formed
    from harness.verify.recompute import follows
    from harness.verify.signatures import signed_by
    from harness.verify.work import refuse_other_work

    stored = read(record)
    by = signed_by(stored, keys_file)
    with well_formed(str(stored.path)):
        trials = follows(stored, stored.samples())
        refuse_other_work(stored.record, trials, str(stored.path))
    known = "as the public file says" if keys_file is not None else "by the keys that it names itself"
    out().print(f"{stored.id}\nsigned by {by}, {known}; samples, summary and suite agree", markup=False)
