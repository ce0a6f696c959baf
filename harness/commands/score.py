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
    from dataclasses import asdict

    from harness.catalog import policies
    from harness.record.store import find
    from harness.registry.intake.measurement import measurement_of
    from harness.terminal.console import escape, out, print_json
    from harness.terminal.scores import print_score
    from harness.tiers.score import score as rules
    from harness.tiers.values import Row, Source
    from harness.verify.reading import Verified, trusted, well_formed

    loaded = policies.load(policy)
    checked = [trusted(path) for path in (hub, *(stored.path for stored in find(records)))]
    measured = []
    for index, one in enumerate(checked):
        with well_formed(str(one.stored.path)):
            source = Source.EDITORIAL if editorial and index == 0 else Source.COMMUNITY
            measured.append(measurement_of(one.stored, source=source))
    first, *others = measured
    found = rules(Row(first, tuple(others)), loaded.policy, day)
    if as_json:
        print_json(
            {"policy": policy, "policy_sha256": loaded.sha256, "as_of": day.isoformat(), **asdict(found)}
            | {"verified": {one.stored.id: one.verified for one in checked}}
        )
        return
    console = out()
    print_score(console, first, others, found, f"{policy}, {day.isoformat()}")
    for one in checked:
        if one.verified is not Verified.YES:
            console.print(f"{one.stored.id[:12]} {escape(one.note)}")
    console.print("[dim]as if an editor had accepted every record; this publishes nothing[/]")


def _rows(target: str | None, policy: str | None, day: date, everything: bool, as_json: bool) -> None:
    from dataclasses import asdict

    from rich.table import Table

    from harness.registry.queries.scores import ALONE, all_standings
    from harness.terminal.console import escape, out, print_json, whole
    from harness.terminal.registry_option import open_for_reading, reading, say

    registry = open_for_reading(target)
    with reading(registry) as (reader, left_out):
        # Other processes help with a large database; they open it anew, which what lies in memory can't be.
        alone = left_out or not reader.has_records(ALONE) or registry.in_memory
        loaded, listed = all_standings(registry, policy, day, reader if alone else None)
    say(left_out)
    found = [one for one in listed if everything or one.tier is not None]
    name = loaded.label
    if as_json:
        from harness.terminal import outputs

        said = tuple(map(outputs.scored_row, found))
        print_json(asdict(outputs.ScoredRows(name, loaded.sha256, day.isoformat(), said, outputs.left_out(left_out))))
        return
    console = out()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("row", "model", "engine", "device", "workload", "state", "tier", "records"):
        table.add_column(title, justify="right" if title == "records" else "left")
    for one in found:
        tier = "–" if one.tier is None else f"{one.tier}{', contested' if one.contested else ''}"
        texts = (f"{one.model_name} {one.quantisation}", one.engine, one.sku, one.workload.partition("/")[2])
        table.add_row(
            whole(console, one.row, 12), *(escape(text) for text in texts), str(one.state), tier, str(one.records)
        )
    console.print(table)
    console.print(
        f"{len(found)} rows under {name} {loaded.sha256[:12]}, {day.isoformat()}; repro explain ROW gives the reasons"
        f"{f'; {len(left_out)} invalid records are left out' if left_out else ''}",
        markup=False,
    )
