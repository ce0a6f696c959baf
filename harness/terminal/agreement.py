"""The table of `repro agree`, and of a matrix."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from harness.compare.agreement import PairAgreement
    from harness.verify.reading import Checked


def print_agreement(console: Console, reference: Checked, found: Sequence[tuple[Checked, PairAgreement]]) -> None:
    """One paragraph a record: the verdict, why, and where each workload parts."""
    from harness.terminal.comparison import heading
    from harness.terminal.console import escape

    console.print(f"reference {heading(reference)}")
    for other, pair in found:
        console.print(f"\n[bold]{pair.verdict}[/]  {heading(other)}")
        console.print(f"  {escape(pair.text)}")
        for one in pair.workloads:
            where = "all agree" if one.first_mismatch is None else f"parts at token {one.first_mismatch}"
            console.print(f"  {escape(one.workload):16} {one.compared:5} ids  {where}")
        for name in pair.skipped:
            console.print(f"  {escape(name):16}       not compared: its prompt is not the same ids")
        if pair.probe is not None and pair.probe_reference is not None:
            console.print(
                f"  probe            {pair.probe / 1e6:.4f} nats a token, the reference {pair.probe_reference / 1e6:.4f}"
            )
