"""Scores as a person reads them: of a row its state and tier, each record, and the rules in order; of many rows a line each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from harness.registry.queries.records_on_disk import ScoredFiles
    from harness.registry.queries.scores import Standing
    from harness.tiers.score import Score
    from harness.tiers.values import Measurement


def print_score(console: Console, hub: Measurement, others: Sequence[Measurement], found: Score, under: str) -> None:
    """All of it."""
    from rich.table import Table

    from harness.terminal.console import escape, whole
    from harness.tiers.values import ring_of

    contested = ", contested" if found.contested else ""
    console.print(f"[bold]{found.state}[/], confidence [bold]{found.tier or 'none'}[/]{contested}   ({escape(under)})")
    console.print()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("record", "operator", "ring", "/ hub", "interval", "verdict"):
        table.add_column(name, justify="right" if name in ("/ hub", "interval") else "left")
    table.add_row(whole(console, hub.id, 12), escape(hub.operator), "hub", "", "", "")
    for one in others:
        judged = found.judged.get(one.id)
        ring = str(ring_of(hub, one))
        if judged is None:
            why = "another row: " + ", ".join(_differs(hub, one)) if one.subject != hub.subject else str(one.status)
            table.add_row(whole(console, one.id, 12), escape(one.operator), "–", "", "", why)
            continue
        made = judged.comparison
        ratio = "–" if made is None or made.ratio is None else f"{made.ratio:.3f}"
        interval = "–" if made is None or made.low is None else f"{made.low:.3f} to {made.high:.3f}"
        whose = " (the operator who opened this row)" if one.operator == hub.operator else ""
        table.add_row(whole(console, one.id, 12), escape(one.operator), ring, ratio, interval, f"{judged.mark}{whose}")
    console.print(table)
    console.print("\n[bold]Factors[/]")
    for factor in found.factors:
        console.print(f"  {factor.name:14} {escape(factor.text)}")
    console.print("[bold]Rules, in order[/]")
    for step in found.derived_from:
        fed = f"  [dim]{' '.join(identity[:8] for identity in step.records)}[/]" if step.records else ""
        console.print(f"  {step.rule:15} {step.tier:10} {escape(step.text)}{fed}")


def print_files(found: ScoredFiles) -> None:
    """The score of records on disk, and what is to be said of each."""
    from harness.terminal.console import escape, out
    from harness.verify.reading import Verified

    console = out()
    print_score(console, found.row.hub, found.row.others, found.score, f"{found.policy}, {found.as_of.isoformat()}")
    for one in found.checked:
        if one.verified is not Verified.YES:
            console.print(f"{one.stored.id[:12]} {escape(one.note)}")
    console.print("[dim]as if an editor had accepted every record; this publishes nothing[/]")


def files_document(found: ScoredFiles) -> dict[str, Any]:
    """As `harness.terminal.outputs.ScoredRecords` describes it."""
    from dataclasses import asdict

    under = {"policy": found.policy, "policy_sha256": found.loaded.sha256, "as_of": found.as_of.isoformat()}
    return {**under, **asdict(found.score), "verified": {one.stored.id: one.verified for one in found.checked}}


def print_rows(found: Sequence[Standing], under: str, left_out: int) -> None:
    """A line a row; `under`: policy and day; `left_out`: how many records do not hold."""
    from rich.table import Table

    from harness import units
    from harness.terminal.console import escape, out, whole

    console = out()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for title in ("row", "model", "engine", "device", "workload", "state", "tier", "records"):
        table.add_column(title, justify="right" if title == "records" else "left")
    for one in found:
        said = (", contested" if one.contested else "") + (", under review" if one.under_review else "")
        tier = "–" if one.tier is None else f"{one.tier}{said}"
        texts = (f"{one.model_name} {one.quantisation}", one.engine, one.sku, one.workload.partition("/")[2])
        table.add_row(
            whole(console, one.row, 12), *(escape(text) for text in texts), str(one.state), tier, str(one.records)
        )
    console.print(table)
    lost = units.count(left_out, "invalid record is", "invalid records are")
    invalid = f"; {lost} left out" if left_out else ""
    rows = units.count(len(found), "row")
    console.print(f"{rows} under {under}; repro explain ROW gives the reasons{invalid}", markup=False)


def _differs(a: Measurement, b: Measurement) -> list[str]:
    from harness.registry.intake.projection import differing, parts_of

    return differing(b.subject, parts_of(a.subject))
