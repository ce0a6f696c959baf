"""`repro show RECORD`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(help="Show a record: results, distributions, checks and findings.")
@click.argument("record", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the record itself, with what was verified.")
def show(record: Path, as_json: bool) -> None:
    """Exit status 1 where its headline is not to be used: a false signature, other samples, a failed check."""
    from harness.commands.console import out, print_json
    from harness.commands.report import report
    from harness.record.store import read
    from harness.run.comparing import failings
    from harness.run.verified import Verified, check, well_formed

    found = check(read(record))
    stored = found.stored
    with well_formed(str(stored.path)):
        if as_json:
            verified = {"verified": found.verified, "verified_reason": found.reason}
            print_json({"id": stored.id, **verified, **stored.record.model_dump(mode="json")})
            usable = not failings(stored.record, stored.record.suite.headline, "decode_rate")
            usable = usable and found.verified is not Verified.NO
        else:
            usable = report(out(), found)
    if not usable:
        raise SystemExit(1)
