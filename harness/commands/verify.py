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
@click.option(
    "--receipt",
    "--proof",
    "receipt",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Also check a registry's receipt for the record, or the proof that repro registry prove wrote, without asking anybody; "
    "a name alone: beside the record.",
)
def verify(record: Path, keys_file: Path | None, receipt: Path | None) -> None:
    """Exit status 2 with the first fault that is found."""
    from harness.record.outcome import line
    from harness.record.store import read
    from harness.terminal.console import out
    from harness.terminal.receipt import checked_receipt
    from harness.verify.reading import verified

    found = verified(read(record), keys_file)
    known = "as the public file says" if keys_file is not None else "by the keys that it names itself"
    failed = found.stored.record.failure
    said = (
        "samples, summary and suite agree"
        if failed is None
        else f"of a run that failed, without a number: {line(failed)}"
    )
    told = [] if receipt is None else [checked_receipt(receipt, found.stored)]
    out().print("\n".join([f"{found.stored.id}\nsigned by {found.signer}, {known}; {said}", *told]), markup=False)
