"""Where a run falls, said at once: ring, ratio with its interval, verdict, and what it would do to the row's tier."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from harness.registry.intake.ingest import Submission
    from harness.registry.store import Registry


def print_fall(console: Console, registry: Registry, found: Submission, row: str) -> None:
    """As if an editor had accepted it. Of a registry behind a URL in its own words, once it has the record."""
    from harness.registry.remote.registry import Remote
    from harness.terminal.registry_option import open_public

    if isinstance(registry, Remote):
        if said := registry.place(found.id):
            for line in said:
                console.print(line, markup=False)
            return
        registry = open_public(registry.target)
        with registry.reading() as reader:
            if reader.subject_of(row) is None:
                console.print(f"row {row[:12]}: the row itself waits for an editor", markup=False)
                return
    from harness.registry.queries import believed
    from harness.registry.queries.active_policy import in_force
    from harness.registry.queries.preview import falls
    from harness.registry.queries.secondary import beside, record_in
    from harness.terminal.days import day_of
    from harness.terminal.registry_option import say

    with believed.reading(registry, [row]) as (reader, left_out):
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
