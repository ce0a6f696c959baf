"""`repro recompute RECORD`."""

from __future__ import annotations

from pathlib import Path

import click


@click.command()
@click.argument("record", type=click.Path(path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def recompute(record: Path, as_json: bool) -> None:
    """Exit status 2 when a result or a finding does not follow from the samples, to the last digit."""
    from harness import units
    from harness.record.store import read
    from harness.terminal.console import out, print_json
    from harness.terminal.progress import shown
    from harness.verify.reading import believed, check, refuse_failed, well_formed
    from harness.verify.recompute import verify

    stored = read(record)
    refuse_failed(stored)
    with shown(lines=False) as progress:
        progress.advance("deriving numbers from samples", 0, 2)
        with well_formed(str(stored.path)):
            numbers = verify(stored)
        progress.advance("checking signatures and work", 1, 2)
        found = believed(check(stored))
    if as_json:
        print_json({"record": stored.id, "numbers": numbers, "match": True, "verified": found.verified})
        return
    follow = "follows" if numbers == 1 else "follow"
    told = f"{units.count(numbers, 'number')} of {stored.id} {follow} from its samples, to the last digit"
    out().print(told, markup=False)
    if found.part == "signature":
        out().print(f"signature {found.note}", markup=False)
