"""The records of a folder as a table, newest first, and as the values that `--json` prints."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.terminal.console import escape, out, whole

if TYPE_CHECKING:
    from harness.verify.reading import Checked

HEADINGS = ("started (UTC)", "model", "runtime", "device", "decode tok/s", "95 % interval", "doubts", "record", "label")


def print_runs(found: Sequence[dict[str, Any]]) -> None:
    """A line a record."""
    from rich.table import Table

    console = out()
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in HEADINGS:
        table.add_column(name, justify="right" if name in HEADINGS[4:6] else "left")
    for one in found:
        table.add_row(*(escape(cell) for cell in _cells(one, whole(console, one["id"], 12))))
    console.print(table)


def line_of(checked: Checked) -> dict[str, Any]:
    """One run as plain values; rates in tokens/s."""
    from harness.record.label import label_of
    from harness.record.settings import drafts

    record = checked.stored.record
    headline = record.headline
    estimate = None if headline is None else headline.estimate
    rates = {
        name: None if estimate is None or getattr(estimate, name) is None else getattr(estimate, name) / 1e6
        for name in ("point", "low", "high")
    }
    drafted = {"drafted"} if drafts(record) else set()  # its rate is no plain one
    return {
        "id": checked.stored.id,
        "folder": str(checked.stored.path.parent),
        "started_utc": record.run.started_utc,
        "model": str(record.model.get("name")),
        "quantisation": str(record.model.get("quantisation")),
        "runtime": record.runtime.name,
        "version": record.runtime.package,
        "device": ", ".join(d.description or d.name for d in record.runtime.devices),
        "suite": f"{record.suite.name}-v{record.suite.version}",
        "workload": record.suite.headline,
        "decode_rate": rates,
        "synthetic": record.run.synthetic,
        "failed_checks": sorted(check.code for check in record.checks if check.status == "fail"),
        "findings": sorted({f.code for f in record.findings if f.severity != "note"} | drafted),
        "verified": str(checked.verified),
        "verified_reason": checked.reason,
        "outcome": "completed" if record.failure is None else str(record.failure.reason),
        "stage": None if record.failure is None else record.failure.stage,
        "label": label_of(checked.stored.path),
    }


def _cells(one: dict[str, Any], identity: str) -> tuple[str, ...]:
    from harness.record.outcome import STAGES, WORDS
    from harness.units import significant

    rates = one["decode_rate"]
    point, low, high = (None if rates[name] is None else significant(rates[name]) for name in ("point", "low", "high"))
    doubts = [f"INVALID: {one['verified_reason']}"] if one["verified"] == "no" else []
    doubts += [f"FAILED: {WORDS[one['outcome']]} ({STAGES[one['stage']]})"] if one["stage"] else []
    doubts += [f"{code} FAILED" for code in one["failed_checks"]] + one["findings"]
    doubts += ["not signed"] if one["verified_reason"].startswith("not signed") else []
    return (
        one["started_utc"].replace("T", " ").removesuffix("Z"),
        f"{one['model']} {one['quantisation']}",
        f"{one['runtime']} {one['version']}" + (" SYNTHETIC" if one["synthetic"] else ""),
        one["device"],
        point or "–",
        f"{low} to {high}" if low and high else "–",
        ", ".join(doubts),
        f"{identity} {Path(one['folder']).name}",
        one["label"],
    )
