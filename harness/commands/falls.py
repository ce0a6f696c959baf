"""Where a run falls, said at once: ring, ratio with its interval, verdict, and what it would do to the row's tier."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from harness.hub.ingest import Submission
    from harness.hub.store import Hub


def print_fall(console: Console, hub: Hub, found: Submission, row: str) -> None:
    """As if an editor had accepted it."""
    from harness.commands.days import day_of
    from harness.commands.hub_option import say
    from harness.hub import believed
    from harness.hub.beside import beside, record_in
    from harness.hub.fall import falls
    from harness.hub.force import in_force

    with believed.reading(hub, [row]) as (reader, left_out):
        say(left_out)
        if any(one.record == row for one in left_out):
            return  # what opened the row does not hold: there is nothing to fall on
        policy = in_force(reader).policy
        fall = falls(reader, row, found.measured.measurement, policy, day_of(None))
        hub_record = record_in(reader, row)
        more = [] if hub_record is None else beside(hub_record, found.record, policy)
    console.print(f"row {row[:12]}: {fall.text}", markup=False)
    for text in more:
        console.print(f"  beside it, not counted: {text}", markup=False)
    console.print(f"if approved: {fall.effect}", markup=False)
