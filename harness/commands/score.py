"""`repro score HUB RECORD…`."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import click


@click.command(
    help="What records would make of a row: rings, verdicts, state and tier. Each with the rules that led to it."
)
@click.argument("hub", type=click.Path(path_type=Path))
@click.argument("records", nargs=-1, type=click.Path(path_type=Path))
@click.option("--editorial", is_flag=True, help="The hub's record was measured by the editors.")
@click.option("--policy", default="network-v2", show_default=True, help="Version of the rules.")
@click.option("--as-of", "as_of", metavar="YYYY-MM-DD", help="Score as on that day; default: today.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def score(hub: Path, records: tuple[Path, ...], editorial: bool, policy: str, as_of: str | None, as_json: bool) -> None:
    """As if an editor had accepted all of them: no hub knows these records yet."""
    from dataclasses import asdict

    from harness.catalog import policies
    from harness.commands.console import out, print_json
    from harness.commands.standing import print_score
    from harness.record.store import find, read
    from harness.run.standing import measurement_of
    from harness.tiers.score import score as rules
    from harness.tiers.values import Row, Source

    loaded = policies.load(policy)
    day = _day(as_of)
    first = measurement_of(read(hub), source=Source.EDITORIAL if editorial else Source.COMMUNITY)
    others = tuple(measurement_of(stored) for stored in find(list(records)))
    found = rules(Row(first, others), loaded.policy, day)
    if as_json:
        print_json({"policy": policy, "policy_sha256": loaded.sha256, "as_of": day.isoformat(), **asdict(found)})
        return
    print_score(out(), first, others, found, f"{policy}, {day.isoformat()}")


def _day(text: str | None) -> date:
    from harness.errors import BadInput

    if text is None:
        return datetime.now(UTC).date()
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise BadInput(f"{text!r} is no day ({error})", where="--as-of", fix="write YYYY-MM-DD") from error
