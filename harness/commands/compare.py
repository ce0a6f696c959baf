"""`repro compare A B`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from harness.terminal.comparison import print_comparison

if TYPE_CHECKING:
    from harness.compare.records import RecordComparison
    from harness.verify.reading import Checked


@click.command()
@click.argument("records", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--band",
    type=float,
    default=10.0,
    show_default=True,
    help="Tolerance in per cent: within ±BAND counts as the same.",
)
@click.option(
    "--fail-if-slower",
    is_flag=True,
    help="Exit with status 1 when a verdict is slower, 2 when nothing can be compared.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def compare(records: tuple[Path, ...], band: float, fail_if_slower: bool, as_json: bool) -> None:
    """Two records: the ratio is first / second. Three or more: each is compared with the first.

    Exit status 2 when a record is not valid.
    """
    from harness.compare.records import compare_records
    from harness.errors import BadInput
    from harness.terminal.console import out, print_json
    from harness.terminal.side_by_side import print_side_by_side
    from harness.verify.reading import trusted

    if not 0 < band < 50:
        raise BadInput(f"{band:g} must be between 0 and 50", where="--band", fix="give per cent, such as 10")
    if len(records) < 2:
        raise BadInput("needs at least two records", where="compare", fix="name another record")
    limits = (1 - band / 100, 1 + band / 100)
    checked = [trusted(path) for path in records]
    left, *others = checked
    pairs = [(left, others[0])] if len(others) == 1 else [(one, left) for one in others]
    found = [compare_records(a.stored.record, b.stored.record, limits) for a, b in pairs]
    if as_json:
        listed = [_json(a, b, one) for (a, b), one in zip(pairs, found, strict=True)]
        print_json(listed[0] if len(others) == 1 else listed)
    elif len(others) == 1:
        print_comparison(out(), left, others[0], found[0], band)
    else:
        print_side_by_side(out(), checked, limits)
    if fail_if_slower:
        raise SystemExit(_status(found))


def _json(a: Checked, b: Checked, found: RecordComparison) -> dict[str, object]:
    verified = {"a": {"verified": a.verified, "reason": a.reason}, "b": {"verified": b.verified, "reason": b.reason}}
    return {"a": a.stored.id, "b": b.stored.id, "verified": verified, **found.to_json()}


def _status(found: Sequence[RecordComparison]) -> int:
    """1 where a verdict is *slower*. Raises `BadInput` where else a pair has nothing that can be compared: that is no success."""
    from harness.errors import BadInput
    from harness.measure.comparison import Verdict

    if any(row.comparison.verdict is Verdict.SLOWER for one in found for row in one.rows):
        return 1
    for one in found:
        if all(row.comparison.verdict is Verdict.NOT_COMPARABLE for row in one.rows):
            why = one.rows[0].comparison.reason if one.rows else "they have no workload in common"
            raise BadInput(
                f"nothing can be compared ({why})", where="--fail-if-slower", fix="name records of one suite that hold"
            )
    return 0
