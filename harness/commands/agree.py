"""`repro agree RECORD RECORD…`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("records", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def agree(records: tuple[Path, ...], as_json: bool) -> None:
    """The first record is the reference; each other one is compared with it, up to the first token that differs.

    Exit status 1 when one computes a different model than the reference.
    """
    from harness.compare.agreement import Agreement
    from harness.compare.agreement import agree as compare
    from harness.errors import BadInput
    from harness.terminal.agreement import print_agreement
    from harness.terminal.console import out, print_json
    from harness.verify.reading import trusted, well_formed

    if len(records) < 2:
        raise BadInput("needs at least two records", where="agree", fix="name another record")
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
