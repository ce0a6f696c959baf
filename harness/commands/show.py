"""`repro show RECORD`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("record", type=click.Path(path_type=Path))
@click.option("--plot", is_flag=True, help="Draw it: tokens, trials, and curves by depth or requests at once.")
@click.option(
    "--all", "everything", is_flag=True, help="Also print what asks for nothing: checks, notes, the engine's build."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(record: Path, plot: bool, everything: bool, as_json: bool) -> None:
    """Exit status 1 when the record is false (signature, samples or numbers), 4 when its own checks failed: do not use its
    number.
    """
    from harness.record.store import read
    from harness.terminal.console import out, print_json
    from harness.terminal.report import report
    from harness.verify.reading import Verified, check, well_formed
    from harness.verify.unusable import CHECKS_FAILED, reasons

    found = check(read(record))
    stored = found.stored
    with well_formed(str(stored.path)):
        if as_json:
            verified = {"verified": found.verified, "verified_reason": found.reason}
            print_json({"id": stored.id, **verified, **stored.record.model_dump(mode="json")})
        else:
            report(out(), found, everything=everything, plot=plot)
        unusable = bool(reasons(stored.record))
    if found.verified is Verified.NO or unusable:
        raise SystemExit(1 if found.verified is Verified.NO else CHECKS_FAILED)
