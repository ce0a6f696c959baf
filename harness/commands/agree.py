"""`repro agree RECORD RECORD…`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(help="Say whether the records' outputs agree, and where they part. The first one is the reference.")
@click.argument("records", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the agreements for programs.")
def agree(records: tuple[Path, ...], as_json: bool) -> None:
    """Exit status 1 when one computes another model than the reference."""
    from harness.commands.agreement import print_agreement
    from harness.commands.console import out, print_json
    from harness.errors import BadInput
    from harness.record.store import read
    from harness.run.agreement import Agreement
    from harness.run.agreement import agree as compare

    if len(records) < 2:
        raise BadInput("one record agrees with itself", where="agree", fix="name two or more")
    reference, *others = [read(path) for path in records]
    found = [(other, compare(reference.record, other.record)) for other in others]
    if as_json:
        print_json({"reference": reference.id, "pairs": [{"id": o.id, **pair.to_json()} for o, pair in found]})
    else:
        print_agreement(out(), reference, found)
    if any(pair.verdict is Agreement.DIFFERENT for _, pair in found):
        raise SystemExit(1)
