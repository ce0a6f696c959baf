"""`repro export RECORDS`."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from harness.terminal.new_file import OUTPUT, NewFile

if TYPE_CHECKING:
    import pandas

    from harness.errors import BadInput


@click.command()
@click.argument("records", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "json", "parquet", "markdown"]),
    default="csv",
    show_default=True,
    help="Format of the table.",
)
@click.option(
    "--out", "target", type=NewFile(or_output=True), default=OUTPUT, help="File to write; default: standard output."
)
def export(records: tuple[Path, ...], form: str, target: Path) -> None:
    """One row for each record, workload and metric. Invalid records are included; the column `verified` says so. What a folder
    holds and can't be read is named on standard error and left out.
    """
    import sys

    import harness
    from harness.errors import BadInput
    from harness.files import write_bytes
    from harness.terminal.progress import shown

    if form == "parquet" and target == OUTPUT:
        raise BadInput("Parquet must go to a file", where="--format parquet", fix="add --out FILE")
    unread: list[BadInput] = []
    with shown(lines=False) as progress:
        frame = harness.load_records(*records, progress=progress, unread=unread)
    _say_what_lacks(frame, records, unread)
    data = _encoded(frame, form)
    if target == OUTPUT:
        sys.stdout.write(data.decode())
    else:
        write_bytes(target, data)


def _say_what_lacks(frame: pandas.DataFrame, records: tuple[Path, ...], unread: list[BadInput]) -> None:
    """On standard error: which records can't be read, which do not hold, and how many have no number."""
    from harness import units
    from harness.record import store
    from harness.terminal.console import err, escape

    for error in unread:
        err().print(str(error), markup=False)
    for _, bad in frame[frame["verified"] == "no"].drop_duplicates(["folder", "record"]).iterrows():
        err().print(escape(f"{bad['folder']}: INVALID: {bad['verified_reason']}"))
    failed = [one for one in store.find(records, []) if one.record.failure is not None]
    if failed:
        told = units.count(len(failed), "record is of a run", "records are of runs")
        err().print(f"{told} that failed, without a number: see repro runs", markup=False)


def _encoded(frame: pandas.DataFrame, form: str) -> bytes:
    import csv
    import io

    from harness.terminal.console import safe_json

    if form == "parquet":
        buffer = io.BytesIO()
        frame.to_parquet(buffer, index=False)
        return buffer.getvalue()
    if form == "csv":
        return _without_formulas(frame).to_csv(index=False, quoting=csv.QUOTE_NONNUMERIC).encode()
    if form == "json":
        return (safe_json(frame.to_json(orient="records", indent=1) or "") + "\n").encode()
    return _markdown(frame.to_dict("records")).encode()


_SHOWN = (
    "model_name quantisation settings runtime device workload metric unit point ci95_low ci95_high processes failed_checks "
    "verified"
).split()


def _without_formulas(frame: pandas.DataFrame) -> pandas.DataFrame:
    """Texts as a spreadsheet may open them; numbers stay numbers."""
    from harness.cells import csv_text

    return frame.map(lambda value: csv_text(value) if isinstance(value, str) else value)


def _markdown(rows: list[dict[Hashable, Any]]) -> str:
    """The columns that fit a page; the other formats hold them all."""
    lines = ["| " + " | ".join(_SHOWN) + " |", "|" + "|".join(" --- " for _ in _SHOWN) + "|"]
    for row in rows:
        lines.append("| " + " | ".join(_cell(row[name]) for name in _SHOWN) + " |")
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    from harness.cells import markdown_text

    if value is None or value != value:  # NaN is not itself
        return ""
    return f"{value:.4g}" if isinstance(value, float) else markdown_text(str(value))
