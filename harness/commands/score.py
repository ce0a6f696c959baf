"""`repro score`: all rows of a registry, or records on disk."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from harness.terminal.registry_option import registry_option


@click.command()
@click.argument("records", nargs=-1, type=click.Path(path_type=Path))
@registry_option
@click.option("--editorial", is_flag=True, help="Treat the first record as measured by an editor.")
@click.option("--policy", help="Apply this policy; default: the registry's, or network-v3.")
@click.option("--as-of", "as_of", metavar="YYYY-MM-DD", help="Score as on this day; default: today.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Include rows that are not public: queued, rejected, sent back, withdrawn.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def score(
    records: tuple[Path, ...],
    target: str | None,
    editorial: bool,
    policy: str | None,
    as_of: str | None,
    everything: bool,
    as_json: bool,
) -> None:
    """With RECORDS, the first is the hub of a row and the others are judged against it, as if an editor had accepted them all."""
    from harness.terminal.days import day_of

    day = day_of(as_of)
    if records:
        _records(records[0], records[1:], editorial, policy or "network-v3", day, as_json)
    else:
        _rows(target, policy, day, everything, as_json)


def _records(hub: Path, records: tuple[Path, ...], editorial: bool, policy: str, day: date, as_json: bool) -> None:
    from harness.registry.queries.records_on_disk import scored
    from harness.terminal.console import print_json
    from harness.terminal.scores import files_document, print_files

    found = scored(hub, records, policy, day, editorial=editorial)
    if as_json:
        print_json(files_document(found))
    else:
        print_files(found)


def _rows(target: str | None, policy: str | None, day: date, everything: bool, as_json: bool) -> None:
    from dataclasses import asdict

    from harness.registry.queries.scores import ALONE, all_standings
    from harness.terminal.console import print_json
    from harness.terminal.registry_option import open_public, reading, say
    from harness.terminal.scores import print_rows

    registry = open_public(target)
    with reading(registry) as (reader, left_out):
        # Other processes help with a large database; they open it again, which what lies in memory can't be.
        alone = left_out or not reader.has_records(ALONE) or registry.in_memory
        loaded, listed = all_standings(registry, policy, day, reader if alone else None)
    say(left_out)
    found = [one for one in listed if everything or one.tier is not None]
    if as_json:
        from harness.terminal import outputs

        said = tuple(map(outputs.scored_row, found))
        told = outputs.ScoredRows(loaded.label, loaded.sha256, day.isoformat(), said, outputs.left_out(left_out))
        print_json(asdict(told))
    else:
        print_rows(found, f"{loaded.label} {loaded.sha256[:12]}, {day.isoformat()}", len(left_out))
