"""`repro agree RECORD RECORD…`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(help="Say whether the records' outputs agree, and where they part. The first one is the reference.")
@click.argument("records", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the agreements for programs.")
def agree(records: tuple[Path, ...], as_json: bool) -> None:
    """Exit status 1 when one computes another model than the reference."""
    from harness.compare.agreement import Agreement
    from harness.compare.agreement import agree as compare
    from harness.errors import BadInput
    from harness.terminal.agreement import print_agreement
    from harness.terminal.console import out, print_json
    from harness.verify.reading import trusted, well_formed

    if len(records) < 2:
        raise BadInput("one record agrees with itself", where="agree", fix="name two or more")
    base, *others = [trusted(path) for path in records]
    found = []
    for one in others:
        with well_formed(f"{base.stored.path} and {one.stored.path}"):
            found.append((one, compare(base.stored.record, one.stored.record)))
    if as_json:
        pairs = [{"id": o.stored.id, "verified": o.verified, **pair.to_json()} for o, pair in found]
        print_json({"reference": base.stored.id, "verified": base.verified, "pairs": pairs})
    else:
        print_agreement(out(), base, found)
    if any(pair.verdict is Agreement.DIFFERENT for _, pair in found):
        raise SystemExit(1)
