"""Several records in one table: `repro compare` of three or more, and the end of a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.cells import markdown_text
from harness.compare.records import compare_records
from harness.units import half_width, quantity

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from harness.measure.comparison import Comparison
    from harness.record.schema import MetricResult, Record
    from harness.run.matrix import Entry
    from harness.verify.reading import Checked

METRICS = ("decode_rate", "prefill_rate")


def print_side_by_side(console: Console, checked: Sequence[Checked], band: tuple[float, float]) -> None:
    """Every record against the first: one block of rows a workload and metric."""
    from harness.terminal.comparison import heading, print_settings
    from harness.terminal.console import escape

    records = [one.stored for one in checked]
    base = records[0].record
    letters = [chr(ord("A") + index) if index < 26 else str(index) for index in range(len(records))]
    for letter, one in zip(letters, checked, strict=True):
        model, runtime = one.stored.record.model, one.stored.record.runtime
        console.print(
            f"{letter} {escape(runtime.name)} {escape(runtime.version)}, {escape(str(model.get('name')))} "
            f"({escape(str(model.get('quantisation')))})  {heading(one)}"
        )
    found = [
        compare_records(one.record, base, band, names)
        for one, names in zip(records[1:], ((letter, "A") for letter in letters[1:]), strict=True)
    ]
    for letter, made in zip(letters[1:], found, strict=True):
        differing = escape(", ".join(made.differences)) or "nothing that is recorded"
        console.print(f"{letter} and A differ in: {differing}", highlight=False, soft_wrap=True)
        print_settings(console, made, f"{letter} → A")
    compared = [{(row.workload, row.metric): row.comparison for row in one.rows} for one in found]
    table = _table("workload", "metric", "", "value", "", "/ A", "interval", "verdict")
    for workload in base.workloads:
        for metric in METRICS:
            own = base.result(workload.id, metric)
            if own is None or own.estimate is None:
                continue
            table.add_row(escape(workload.id), metric, "A", *_value(own), "", "", "", end_section=False)
            for letter, stored, theirs in zip(letters[1:], records[1:], compared, strict=True):
                result = stored.record.result(workload.id, metric)
                table.add_row("", "", letter, *_row(result, theirs.get((workload.id, metric))))
    console.print(table)
    console.print(f"[dim]band ±{100 * (band[1] - 1):g} %; a ratio is one thing's only where nothing else differs[/]")


def _row(own: MetricResult | None, one: Comparison | None) -> tuple[str, ...]:
    from harness.terminal.console import escape

    if one is None or own is None:
        return ("–", "", "", "", "not measured")
    if one.ratio is None:
        return (*_value(own), "–", "–", f"{str(one.verdict).replace('_', ' ')} ({escape(one.reason)})")
    interval = "–" if one.low is None else f"{one.low:.3f} to {one.high:.3f}"
    return (*_value(own), f"{one.ratio:.3f}", interval, str(one.verdict).replace("_", " "))


def _value(result: MetricResult) -> tuple[str, str]:
    estimate = result.estimate
    return (
        ("–", "") if estimate is None else (quantity(estimate.point, result.unit), half_width(estimate.half_width_ppm))
    )


def _table(*names: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in names:
        table.add_column(name, justify="left" if name in ("workload", "metric", "verdict", "") else "right")
    return table


HEADINGS = ("model", "runtime", "suite", "decode", "±", "prefill", "doubts")


def matrix_rows(entries: Sequence[Entry], records: Sequence[Record | None]) -> list[tuple[str, ...]]:
    """A line a triple: its headline numbers, or why there are none."""
    rows: list[tuple[str, ...]] = []
    for entry, record in zip(entries, records, strict=True):
        triple = entry.triple
        head = (triple.model, " ".join((triple.runtime, *triple.settings)), triple.suite)
        if record is None:
            rows.append((*head, "failed", "", "", entry.error))
            continue
        decode, prefill = record.headline, _prefill(record)
        shown = _value(decode) if decode is not None else ("–", "")
        grave = sorted(f"{check.code} FAILED" for check in record.checks if check.status == "fail")
        grave += sorted({f.code for f in record.findings if f.severity != "note"})
        rows.append((*head, *shown, _value(prefill)[0] if prefill is not None else "–", ", ".join(grave)))
    return rows


def _prefill(record: Record) -> MetricResult | None:
    """Of the workload with the longest prompt."""
    longest = max(record.workloads, key=lambda workload: workload.prompt_tokens)
    return record.result(longest.id, "prefill_rate")


def print_matrix(console: Console, rows: Sequence[Sequence[str]]) -> None:
    """The one table of a matrix."""
    from harness.terminal.console import escape

    table = _table(*HEADINGS)
    for row in rows:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)


def matrix_markdown(title: str, rows: Sequence[Sequence[str]]) -> str:
    """The same as Markdown, for a page of a CI job."""

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(cells) + " |"

    body = [line([markdown_text(cell) for cell in row]) for row in rows]
    return "\n".join([f"## {markdown_text(title)}", "", line(HEADINGS), line(["---"] * len(HEADINGS)), *body, ""])
